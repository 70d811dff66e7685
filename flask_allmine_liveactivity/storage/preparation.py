"""A storage is prepared by whoever uses it first in a process, or by nobody but a person."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.base import PREPARE

Prepare = Literal["auto", "command"]
"""Who makes and upgrades tables and indexes: whoever comes first, or only who runs the command."""


def to_be_prepared(found: str) -> str:
    """The error of a storage that only the command prepares."""
    return f"The storage is not as it should be: {found}. Run {PREPARE}; nothing else makes it so."


class Preparation:
    """Calls `prepare` until it has succeeded once.

    Threads that come meanwhile wait for the one that is at it. Where it fails they fail alike: each
    would wait as long as it did for the same server, one after the other.

    Args:
        prepare: Prepares it, or sees that it is prepared. Safe to repeat.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._failures = 0
        self._why = ""

    def is_done(self) -> None:
        """Somebody has prepared it without being asked for it here."""
        self._done.set()

    def ensure(self) -> None:
        """Return once it is prepared.

        Raises:
            StorageUnavailable: It could not be.
        """
        if self._done.is_set():
            return
        known = self._failures
        with self._lock:
            if self._done.is_set():
                return
            if self._failures != known:
                raise StorageUnavailable(self._why)
            try:
                self._prepare()
            except StorageUnavailable as error:
                self._failures += 1
                self._why = str(error)
                raise
            self._done.set()
