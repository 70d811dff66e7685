"""Writers of one process, one at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator

from flask_allmine_liveactivity.process.forking import call_if_alive

# For so long, in seconds, those who are not first let the others go before them.
PATIENCE = 0.05


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
        self.longest = longest
        self._renew()
        if hasattr(os, "register_at_fork"):
            # Such hooks cannot be taken back: they must not keep what is not used any more.
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: call_if_alive(renew))

    def _renew(self) -> None:
        # After a fork whoever held it is not here.
        self._changed = threading.Condition()
        self._taken = False
        self._phones = 0
        """Those who come first and wait."""
        self._overdue = 0
        """Those who have let phones go before them for long enough."""

    @contextlib.contextmanager
    def turn(self, *, first: bool) -> Iterator[None]:
        """Wait for one's turn; `first`: before those who are not, while they are patient."""
        changed = self._changed
        with changed:
            ours = self._wait_as_phone() if first else self._wait_as_fan_out()
            self._taken = self._taken or ours
        try:
            yield
        finally:
            if changed is self._changed:  # else it was renewed meanwhile
                with changed:
                    self._taken = self._taken and not ours
                    changed.notify_all()

    def _wait_as_phone(self) -> bool:
        self._phones += 1
        try:
            return self._changed.wait_for(
                lambda: not self._taken and not self._overdue, self.longest
            )
        finally:
            self._phones -= 1

    def _wait_as_fan_out(self) -> bool:
        if self._changed.wait_for(lambda: not self._taken and not self._phones, PATIENCE):
            return True
        self._overdue += 1
        try:
            return self._changed.wait_for(lambda: not self._taken, self.longest)
        finally:
            self._overdue -= 1
