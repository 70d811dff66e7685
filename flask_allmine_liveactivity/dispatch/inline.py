"""Delivery in the caller, who gets the full report: for tests and scripts."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity.delivery.report import Run
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.base import Dispatch


class InlineDispatch(Dispatch):
    """Delivers one stream at a time, where and when it is asked to.

    What is to be tried again later waits for the next ``flask live-activity deliver``.
    """

    def __init__(self, delivery: Callable[[], Delivery]) -> None:
        self._delivery = delivery

    def start(self) -> None:
        """Nothing to start."""

    def wake(self, stream_id: str) -> Run:
        return self._delivery().run(stream_id)

    def close(self) -> None:
        """Nothing to stop."""
