"""Delivery as a thread has it that must not keep its app."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from flask_allmine_liveactivity.delivery.report import Run, Tally
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.model import NEVER


class Borrowed:
    """A process's delivery for as long as its app is there, or has left something to be told.

    A push backend or a storage of the host's may hold the app: while the thread waits it holds
    none of them.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = weakref.ref(delivery)
        self._kept: Delivery | None = None

    def keep(self) -> None:
        """Keep it for one more run: the app has announced something, and may go."""
        self._kept = self._delivery()

    @property
    def keeps(self) -> bool:
        """Whether that run is still to come."""
        return self._kept is not None

    def run(self, *, on_result: Callable[[], object]) -> Run:
        """See ``Delivery.run``."""
        delivery = self._kept or self._delivery()
        self._kept = None
        if delivery is None:
            return Run(Tally(), next_due=NEVER, obstacle=None)
        return delivery.run(on_result=on_result)

    def look_after_the_storage(self) -> None:
        """See ``Delivery.look_after_the_storage``."""
        delivery = self._delivery()
        if delivery is not None:
            delivery.look_after_the_storage()

    def pause(self) -> float:
        """See ``Delivery.pause``."""
        delivery = self._delivery()
        return 0.0 if delivery is None else delivery.pause()
