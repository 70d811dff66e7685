"""Writers of one process, one at a time."""

from __future__ import annotations

import os
import threading
import weakref

from flask_allmine_liveactivity.storage.sql.forks import call_if_alive


class Turn:
    """A lock to hold while writing to a SQLite file.

    SQLite lets one write, too, but whoever waits for it sleeps, looks again, and sleeps longer: a
    registration could wait a tenth of a second beside a fan-out that writes again and again. Here
    the next one goes on at once. It only saves time: after so many seconds SQLite's own lock has
    the last word.

    Args:
        longest: How long to wait for it, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._held = threading.local()
        self._renew()
        if hasattr(os, "register_at_fork"):
            # Such hooks cannot be taken back: they must not keep what is not used any more.
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: call_if_alive(renew))

    def _renew(self) -> None:
        # After a fork whoever held it is not here.
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        lock = self._lock
        self._held.lock = lock if lock.acquire(timeout=self._longest) else None

    def __exit__(self, *_: object) -> None:
        if self._held.lock is not None:
            self._held.lock.release()
