"""Threads that ask the host what its streams are, beside those that deliver.

The host's callback may take long, or hang: no push waits for it, and no other question for long.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.process.forking import call_if_alive

logger = logging.getLogger(__name__)

# Whether anything is due for a question is looked at so often at the most, in seconds.
LOOK_EVERY = 1.0
# A round of questions that takes so many seconds is slow, or hangs: others go on beside it.
SLOW_AFTER = 5.0
# So many rounds at once: a callback that always hangs is asked by no more.
MOST_ROUNDS = 4
# How long an end waits for questions under way, in seconds: nothing is lost where they go on.
LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Asking:
    """How the host of an app is asked; holds neither."""

    interval: float
    """Seconds between two questions about a stream."""
    is_wanted: Callable[[], bool]
    """Whether the host has said how."""
    ask_due: Callable[[Callable[[], bool]], object]
    """Asks about all streams that are due, until none is or the function that it is given says
    that it is to stop."""


class AskingThread:
    """Rounds of questions until it is ended.

    Args:
        asking: How the host is asked.

    Raises:
        RuntimeError: No thread can be started.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._ended = threading.Event()
        self._pid = os.getpid()
        self._rounds = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._work, name="live-activity-questions", daemon=True
        )
        self._thread.start()
        self._at_exit = functools.partial(call_if_alive, weakref.WeakMethod(self.end))
        atexit.register(self._at_exit)

    def end(self) -> None:
        """Ask no more. What is under way may not end."""
        if self._pid != os.getpid():  # a child has its parent's exit handlers, but not its thread
            return
        self._ended.set()
        self._thread.join(LAST_WORDS)
        # The storage is closed next: a round that asks would open it again.
        until = time.monotonic() + LAST_WORDS
        while self._rounds and time.monotonic() < until:
            time.sleep(0.01)
        atexit.unregister(self._at_exit)

    def _work(self) -> None:
        look_every = min(LOOK_EVERY, self._asking.interval / 4)
        while not self._ended.is_set():
            if self._rounds < MOST_ROUNDS:
                self._begin_round()
            self._ended.wait(look_every)

    def _begin_round(self) -> None:
        """In a thread of its own, since it may hang; and waited for while it is quick."""
        done = threading.Event()
        round_ = threading.Thread(
            target=self._round, args=(done,), name="live-activity-asking", daemon=True
        )
        with self._lock:
            self._rounds += 1
        try:
            round_.start()
        except RuntimeError:  # "can't start new thread": later, perhaps
            with self._lock:
                self._rounds -= 1
            return
        until = time.monotonic() + SLOW_AFTER
        while not (done.wait(0.2) or self._ended.is_set() or time.monotonic() > until):
            pass

    def _round(self, done: threading.Event) -> None:
        try:
            self._asking.ask_due(self._ended.is_set)
        except StorageUnavailable as error:
            logger.warning("The host is asked about its streams later: %s", error)
        except Exception:
            if not self._ended.is_set():
                logger.exception("Asking the host about its streams failed; it is tried again")
        finally:
            with self._lock:
                self._rounds -= 1
            done.set()
