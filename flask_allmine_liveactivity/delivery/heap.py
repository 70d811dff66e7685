"""The heap is frozen while a large audience is told.

A full garbage collection of CPython goes through every object of the process and lets no thread run
meanwhile: 40 to 60 ms in a small host, once in some 25,000 pushes, in which every request waits.
What was there before a fan-out has been gone through already. It is set aside (``gc.freeze()``)
until the fan-out ends, and a collection goes only through what has been made since.

A host that has set its heap aside itself, or collects nothing, is left alone.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import Self

# It is worth it from so many sessions on: fewer are told before a full collection comes.
LARGE = 5_000
# What has been set aside for so many seconds, in one run or in many, is gone through: one large
# audience after the other must not keep garbage for ever.
LONGEST_FROZEN = 60.0
# CPython 3.12 begins with some hundreds of objects set aside; a host sets aside many thousands.
PYTHONS_OWN = 1_000


class _Heap:
    """This process's, and how many keep it frozen."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _renew(self) -> None:
        # A collection may call anything, in the midst of ours.
        self._lock = threading.RLock()
        self._users = 0
        self._frozen = False
        self._since = 0.0
        self._frozen_for = 0.0
        """Seconds for which it was frozen before, since it was last gone through."""

    def _forked(self) -> None:
        # Those who froze it have stayed in the parent.
        frozen = self._frozen
        self._renew()
        if frozen:
            gc.unfreeze()

    def freeze(self) -> None:
        with self._lock:
            self._users += 1
            if not self._frozen and gc.isenabled() and gc.get_freeze_count() < PYTHONS_OWN:
                self._frozen = True
                self._since = time.monotonic()
                gc.freeze()

    def renew(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._frozen and self._frozen_for + now - self._since >= LONGEST_FROZEN:
                self._frozen_for, self._since = 0.0, now
                gc.unfreeze()
                gc.collect()
                gc.freeze()

    def thaw(self) -> None:
        with self._lock:
            self._users -= 1
            if self._frozen and not self._users:
                self._frozen = False
                self._frozen_for += time.monotonic() - self._since
                gc.unfreeze()


_heap = _Heap()


class FrozenHeap:
    """Keeps the heap frozen until the block ends, from the time on that a run turns out large."""

    def __init__(self) -> None:
        self._claimed = 0
        self._uses = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._uses:
            self._uses = False
            _heap.thaw()

    def claimed(self, count: int) -> None:
        """So many sessions more are to be told."""
        self._claimed += count
        if self._uses:
            _heap.renew()
        elif self._claimed >= LARGE:
            self._uses = True
            _heap.freeze()
