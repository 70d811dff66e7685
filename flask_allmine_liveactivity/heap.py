"""The heap is held still while a large audience is told.

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
LONGEST_STILL = 60.0


class _Heap:
    """This process's, and who holds it still."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _renew(self) -> None:
        # A collection may call anything, in the midst of ours.
        self._lock = threading.RLock()
        self._holders = 0
        self._still = False
        self._since = 0.0
        self._stood = 0.0
        """Seconds for which it was held still before, since it was last gone through."""

    def _forked(self) -> None:
        # Those who held it have stayed in the parent.
        still = self._still
        self._renew()
        if still:
            gc.unfreeze()

    def hold(self) -> None:
        with self._lock:
            self._holders += 1
            if not self._still and gc.isenabled() and not gc.get_freeze_count():
                self._still = True
                self._since = time.monotonic()
                gc.freeze()

    def go_on(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._still and self._stood + now - self._since >= LONGEST_STILL:
                self._stood, self._since = 0.0, now
                gc.unfreeze()
                gc.collect()
                gc.freeze()

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._still and not self._holders:
                self._still = False
                self._stood += time.monotonic() - self._since
                gc.unfreeze()


_heap = _Heap()


class StillHeap:
    """Holds the heap still until the block ends, from the time on that a run turns out large."""

    def __init__(self) -> None:
        self._claimed = 0
        self._holds = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._holds:
            self._holds = False
            _heap.let_go()

    def claimed(self, count: int) -> None:
        """So many sessions more are to be told."""
        self._claimed += count
        if self._holds:
            _heap.go_on()
        elif self._claimed >= LARGE:
            self._holds = True
            _heap.hold()
