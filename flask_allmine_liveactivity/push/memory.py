"""Keeps what would be sent: for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.base import PushBackend


class MemoryPush(PushBackend):
    """Accepts every push and keeps it in ``sent``.

    Args:
        answer: Called with each push: what becomes of it. The default delivers all. The attribute
            of this name may be set later to answer otherwise from then on.

    .. versionadded:: 0.1.0
    """

    def __init__(self, answer: Callable[[Push], PushResult] | None = None) -> None:
        self.sent: list[Push] = []
        self.answer = answer or _delivered
        self._lock = threading.Lock()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            with self._lock:
                self.sent.append(push)
            yield self.answer(push)

    def close(self) -> None:
        """Nothing to close; ``sent`` stays.

        .. versionadded:: 0.1.0
        """


def _delivered(push: Push) -> PushResult:
    return PushResult(push, Verdict.DELIVERED, status=200)
