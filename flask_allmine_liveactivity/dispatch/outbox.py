"""Messages to a broker, sent from a thread of their own: who leaves one never waits for it."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # see below
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from flask_allmine_liveactivity.process.forking import call_if_alive

logger = logging.getLogger(__name__)

# A script that announces and is done has its message sent while the interpreter ends. Brokers'
# clients load `concurrent.futures.thread`, which cannot be loaded any more then: it is above.

# More are not kept while the broker is away: what they are about is stored, and swept.
MOST = 1000
# Between two attempts at a broker that does not answer, in seconds, growing to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# The same complaint is logged at most once in so many seconds.
SAY_AGAIN_AFTER = 60.0
# How long the end of the process waits for what is still to be sent, in seconds.
LAST_WORDS = 5.0

Send = Callable[[str], object]


class Outbox:
    """Sends each message once, in order; one that waits already is not put in again.

    Args:
        connect: A method that opens a connection for a burst of messages, and gives what sends one
            over it. None is held open between bursts: it would not survive a fork, or an idle
            night. Its object is not kept: with it goes what it has not sent.
    """

    def __init__(self, connect: Callable[[], AbstractContextManager[Send]]) -> None:
        self._connect = weakref.WeakMethod(connect)
        self._pid: Final = os.getpid()
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}
        self._busy = False
        self._failed = False
        self._said_at = -SAY_AGAIN_AFTER
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._at_exit = functools.partial(call_if_alive, weakref.WeakMethod(self.flush))
        atexit.register(self._at_exit)

    def put(self, message: str) -> None:
        """Send this message soon. Never waits, and never fails."""
        with self._changed:
            if len(self._waiting) >= MOST:
                return
            self._waiting[message] = None
            self._changed.notify_all()
            if self._thread is None:
                thread = threading.Thread(
                    target=self._work, name="live-activity-outbox", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # "can't start new thread": the next message tries again
                    return
                self._thread = thread

    def flush(self) -> None:
        """Wait until all are sent; not long, and not for a broker that does not answer."""
        if self._pid != os.getpid():  # a child has its parent's exit handlers, but not its thread
            return
        with self._changed:
            self._changed.wait_for(
                lambda: self._failed or not (self._waiting or self._busy), LAST_WORDS
            )

    def close(self) -> None:
        """Send what can be sent, and end the thread."""
        self.flush()
        self._closed.set()
        atexit.unregister(self._at_exit)

    def _work(self) -> None:
        """In a thread of its own, for one burst: who sends nothing keeps none."""
        pause = FIRST_PAUSE
        while self._goes_on():
            if self._send_burst():
                pause = FIRST_PAUSE
            else:
                self._closed.wait(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)

    def _goes_on(self) -> bool:
        with self._changed:
            self._busy = bool(self._waiting) and not self._closed.is_set()
            if not self._busy:
                self._thread = None
            return self._busy

    def _send_burst(self) -> bool:
        """Whether all could be sent."""
        connect = self._connect()
        if connect is None:
            self._closed.set()
            return True
        try:
            with connect() as send:
                self._send_all(send)
        except Exception as error:
            self._complain(error)
            return False
        return True

    def _send_all(self, send: Send) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._busy, self._failed = False, False
                    self._changed.notify_all()
                    return
                message = next(iter(self._waiting))
                # Out of it before it is sent: what is put in from now on is to be sent again.
                del self._waiting[message]
            try:
                send(message)
            except BaseException:
                with self._changed:
                    self._waiting = {message: None, **self._waiting}
                raise

    def _complain(self, error: Exception) -> None:
        with self._changed:
            self._busy, self._failed = False, True
            self._changed.notify_all()
        now = time.monotonic()
        if now - self._said_at >= SAY_AGAIN_AFTER:
            self._said_at = now
            # Not the error's own words: they may quote the broker's URL, with its password.
            logger.warning(
                "The Celery broker does not take Live Activity messages (%s). Nothing is lost: "
                "the end pushes are stored, and sent when the next sweep finds them.",
                type(error).__name__,
            )
