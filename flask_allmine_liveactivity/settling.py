"""Results on their way into the storage."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from flask_allmine_liveactivity.errands import Errands
from flask_allmine_liveactivity.model import Settlement
from flask_allmine_liveactivity.storage.base import Storage

# Results are settled together, but none waits longer than this, in seconds.
SETTLE_AFTER = 1.0


class Settling:
    """Settles many at a time, in a thread of its own; used from one thread.

    Args:
        storage: Where to.
        batch_size: So many are settled at once.
        settled: Called with what has been settled, in the thread that uses this.
    """

    def __init__(
        self, storage: Storage, batch_size: int, settled: Callable[[list[Settlement]], object]
    ) -> None:
        self._storage = storage
        self._batch_size = batch_size
        self._settled = settled
        self._errands = Errands("live-activity-settlements")
        self._waiting: list[Settlement] = []
        self._under_way: tuple[list[Settlement], Future[int]] | None = None
        self._began_at = time.monotonic()

    def add(self, settlement: Settlement) -> None:
        """To be settled soon."""
        self._waiting.append(settlement)

    def go_on(self) -> None:
        """See what became of those under way, and begin with the next where it is time.

        Raises:
            StorageUnavailable: They could not be settled; the end tries it again.
        """
        self._take()
        waited = time.monotonic() - self._began_at
        if len(self._waiting) >= self._batch_size or waited >= SETTLE_AFTER:
            self._begin()

    def close(self) -> None:
        """Wait for those under way; what became of them is seen to in ``finish``."""
        self._errands.close()
        self._take(whatever_became_of_it=True)

    def finish(self) -> None:
        """Settle the rest here and now."""
        if self._waiting:
            self._storage.settle(self._waiting)
            self._settled(self._waiting)

    def _begin(self) -> None:
        self._began_at = time.monotonic()
        if self._under_way is not None:  # one at a time, or they would pile up
            self._under_way[1].exception()
            self._take()
        settlements, self._waiting = self._waiting, []
        call = partial(self._storage.settle, settlements)
        self._under_way = settlements, self._errands.run(call)

    def _take(self, *, whatever_became_of_it: bool = False) -> None:
        if self._under_way is None or not self._under_way[1].done():
            return
        settlements, future = self._under_way
        self._under_way = None
        if future.exception() is None:
            self._settled(settlements)
            return
        self._waiting[:0] = settlements
        if not whatever_became_of_it:
            future.result()
