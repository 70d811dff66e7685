"""Logs what would be sent: for development without an Apple account."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from flask_allmine_liveactivity.model import Push, PushResult, Verdict, fingerprint
from flask_allmine_liveactivity.push.base import PushBackend

logger = logging.getLogger(__name__)


class ConsolePush(PushBackend):
    """Logs each push at WARNING, so that it is seen without any logging set up.

    The token is shown by its fingerprint.

    .. versionadded:: 0.1.0
    """

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            logger.warning(
                "Live Activity push to %s (not sent: console backend): %s",
                fingerprint(push.token),
                push.payload.decode(),
            )
            yield PushResult(push, Verdict.DELIVERED, status=200)

    def close(self) -> None:
        """Nothing to close.

        .. versionadded:: 0.1.0
        """
