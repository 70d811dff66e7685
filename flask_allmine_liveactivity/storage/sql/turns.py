"""Writers of one process, one at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator

from flask_allmine_liveactivity.storage.sql.forks import call_if_alive


class Turns:
    """A lock to hold while writing to a SQLite file.

    SQLite lets one write, too, but whoever waits for it sleeps, looks again, and sleeps longer: a
    registration could wait a tenth of a second beside a fan-out that writes again and again. Here
    the next one goes on at once, and phones come before a fan-out. It only saves time: after so
    many seconds SQLite's own lock has the last word.

    Args:
        longest: How long to wait, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._renew()
        if hasattr(os, "register_at_fork"):
            # Such hooks cannot be taken back: they must not keep what is not used any more.
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: call_if_alive(renew))

    def _renew(self) -> None:
        # After a fork whoever held it is not here.
        self._changed = threading.Condition()
        self._taken = False
        self._waiting_first = 0

    @contextlib.contextmanager
    def turn(self, *, first: bool) -> Iterator[None]:
        """Wait for one's turn; `first`: before all who are not."""
        changed = self._changed
        with changed:
            self._waiting_first += first
            ours = changed.wait_for(
                lambda: not self._taken and (first or not self._waiting_first), self._longest
            )
            self._waiting_first -= first
            self._taken = self._taken or ours
        try:
            yield
        finally:
            if changed is self._changed:  # else it was renewed meanwhile
                with changed:
                    self._taken = self._taken and not ours
                    changed.notify_all()
