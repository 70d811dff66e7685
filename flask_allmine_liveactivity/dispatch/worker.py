"""Delivery in some other process: ``flask live-activity worker``."""

from __future__ import annotations

from flask_allmine_liveactivity.dispatch.base import Dispatch


class WorkerDispatch(Dispatch):
    """Does nothing: what was stored is what the worker looks for."""

    def start(self) -> None:
        """Nothing to start."""

    def wake(self, stream_id: str) -> None:
        """Nothing to wake: the worker looks every second."""

    def close(self) -> None:
        """Nothing to stop."""
