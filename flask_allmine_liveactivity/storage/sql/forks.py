"""SQLite connections of our own are closed before the process forks.

A child inherits the belief in locks that only its parent holds: it waits for ever for one that
was taken when it was born, and what it writes is lost as soon as its parent, who sees no other
user of the file, deletes the write-ahead log.
See "How To Corrupt An SQLite Database File", 2.6, at sqlite.org.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from sqlalchemy import Engine

from flask_allmine_liveactivity.process.forking import call_if_alive

# A fork waits no longer than this for transactions under way, in seconds.
LONGEST_WAIT: Final = 30.0


class ClosedBeforeForks:
    """A context in which connections of `engine` may be used; none is open while a fork happens.

    A fork waits until nobody is in it, and whoever comes meanwhile waits for the fork.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._users = 0
        self._forks = 0
        if not hasattr(os, "register_at_fork"):
            return
        # Such hooks cannot be taken back: they must not keep what is not used any more.
        before = weakref.WeakMethod(self._before_fork)
        after, born = weakref.WeakMethod(self._after_fork), weakref.WeakMethod(self._born)
        os.register_at_fork(
            before=lambda: call_if_alive(before),
            after_in_parent=lambda: call_if_alive(after),
            after_in_child=lambda: call_if_alive(born),
        )

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._forks)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def _before_fork(self) -> None:
        self._changed.acquire()
        self._forks += 1
        if self._changed.wait_for(lambda: self._users <= 0, LONGEST_WAIT):
            self._engine.dispose()

    def _after_fork(self) -> None:
        self._forks -= 1
        self._changed.notify_all()
        self._changed.release()

    def _born(self) -> None:
        self._changed = threading.Condition()
        self._users = self._forks = 0
