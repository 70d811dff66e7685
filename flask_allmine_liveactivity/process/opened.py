"""Closing what was opened for an app, also when nobody holds the app any more."""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Opened:
    """What has been opened in each process for one app, and how it is closed.

    It outlives the app, so what it is given must not hold it.
    """

    def __init__(self) -> None:
        self._closes: dict[int, list[Callable[[], object]]] = {}
        self._let_go = False

    def __bool__(self) -> bool:
        """Whether there is something to close in this process."""
        return bool(self._closes.get(os.getpid()))

    def add(self, close: Callable[[], object]) -> None:
        """Something has been opened in this process, and `close` closes it."""
        self._closes.setdefault(os.getpid(), []).append(close)
        if self._let_go:  # meanwhile: a thread was just about to open it
            self.close_soon()

    def close(self) -> None:
        """Close what was opened in this process, the last first.

        What the parent of a forked process has opened stays open there.
        """
        closes = self._closes.pop(os.getpid(), [])
        while closes:
            closes.pop()()

    def close_soon(self) -> None:
        """Close it in a thread of its own; for the garbage collector.

        That calls from whatever thread it runs in, between any two of its lines, and the thread
        may hold the very lock that is needed to close. So nothing is waited for here: not even for
        ``threading.Thread``, which takes locks of its own and is started from elsewhere.
        """
        self._let_go = True
        if self and not sys.is_finalizing():
            thread = threading.Thread(target=self._close, name="live-activity-closing", daemon=True)
            with contextlib.suppress(
                RuntimeError
            ):  # "can't start new thread": the system closes it
                _thread.start_new_thread(thread.start, ())

    def _close(self) -> None:
        try:
            self.close()
        except Exception:
            logger.exception("What was opened for an app that is gone could not be closed")
