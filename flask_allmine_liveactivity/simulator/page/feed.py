"""What has changed, for all who watch."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any


class Feed:
    """A number that rises with each change, and the latest pushes. Safe to use from any thread.

    Args:
        keep: How many pushes to keep.
    """

    def __init__(self, keep: int = 200) -> None:
        self._moved = threading.Condition()
        self._version = 0
        self._pushes: deque[dict[str, Any]] = deque(maxlen=keep)
        self._last_id = 0
        self._closed = False

    @property
    def version(self) -> int:
        """Read it before what it stands for: then a change in between is seen as one."""
        with self._moved:
            return self._version

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to wait for."""
        with self._moved:
            return self._closed

    @property
    def oldest(self) -> int:
        """The id of the oldest push that is kept; of the next one, where none is. It only rises, so
        an older answer that a browser reads late cannot take away what came after it."""
        with self._moved:
            return self._pushes[0]["id"] if self._pushes else self._last_id + 1

    def changed(self) -> None:
        """Something that is shown may have changed."""
        with self._moved:
            self._version += 1
            self._moved.notify_all()

    def add(self, push: dict[str, Any]) -> None:
        """One more push; it gets an ``id``, one higher than the last."""
        with self._moved:
            self._last_id += 1
            self._pushes.append({"id": self._last_id, **push})
            self._version += 1
            self._moved.notify_all()

    def pushes_after(self, push_id: int) -> list[dict[str, Any]]:
        """Those kept that came after the one with this id, oldest first."""
        with self._moved:
            return [push for push in self._pushes if push["id"] > push_id]

    def clear(self) -> None:
        """Forget the pushes; ids go on."""
        with self._moved:
            self._pushes.clear()
            self._version += 1
            self._moved.notify_all()

    def wait(self, version: int, timeout: float) -> int:
        """Wait until there is another version than this one, or the time is up.

        Args:
            version: The last one that was seen.
            timeout: Seconds.
        """
        with self._moved:
            self._moved.wait_for(lambda: self._version != version or self._closed, timeout)
            return self._version

    def close(self) -> None:
        """Let all who wait go."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
