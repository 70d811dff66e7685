"""Delivery in a daemon thread of each process."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable

from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.asking import Asking, AskingThread
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.dispatch.borrowed import Borrowed
from flask_allmine_liveactivity.dispatch.green import refuse_green_threads
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.dispatch.uwsgi import refuse_still_threads
from flask_allmine_liveactivity.process.forking import call_if_alive
from flask_allmine_liveactivity.process.opened import Opened

logger = logging.getLogger(__name__)

# How long the end of the process waits for what is in flight, in seconds.
LAST_WORDS = 5.0


class ThreadDispatch(Dispatch):
    """One daemon thread a process, which sweeps also for what others have left behind.

    Args:
        delivery: Finds this process's.
        sweep_interval: How often it looks at the least, in seconds.
        opened: Learns how to end the thread.
        on_result: Called in the thread after each push.
        asking: How the host is asked what its streams are, in a thread beside it.
    """

    def __init__(
        self,
        delivery: Callable[[], Delivery],
        sweep_interval: float,
        *,
        opened: Opened | None = None,
        on_result: Callable[[], object] = lambda: None,
        asking: Asking | None = None,
    ) -> None:
        _require_threads()
        self._delivery = delivery
        self._sweep_interval = sweep_interval
        self._opened = Opened() if opened is None else opened
        self._on_result = on_result
        self._asking = asking
        self._questions: AskingThread | None = None
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._closed = False
        self._running: DeliveryThread | None = None

    def start(self) -> None:
        if self._pid == os.getpid() or self._closed:
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            _require_threads()
            # After a fork the parent's thread is not ours.
            running = DeliveryThread(self._delivery(), self._sweep_interval, self._on_result)
            self._opened.add(running.finish)
            self._running = running
            if self._asking is not None and self._asking.is_wanted():
                self._questions = AskingThread(self._asking)
                self._opened.add(self._questions.end)
            self._pid = os.getpid()

    def wake(self, stream_id: str) -> None:
        try:
            self.start()
        except Exception:  # "can't start new thread": what is stored is swept by others
            logger.exception("Live Activity delivery could not be started in this process")
        if self._running is not None:
            self._running.wake()

    def close(self) -> None:
        if self._pid == os.getpid() and self._running is not None:
            self._closed = True
            if self._questions is not None:
                self._questions.end()
            self._running.end()


def _require_threads() -> None:
    refuse_green_threads("the thread")
    refuse_still_threads("the thread")


class DeliveryThread:
    """A thread that delivers until it is ended; while it waits, it holds nothing of its app.

    Args:
        delivery: This process's.
        interval: How often it looks at the least, in seconds.
        on_result: Called after each push.

    Raises:
        RuntimeError: No thread can be started.
    """

    def __init__(
        self, delivery: Delivery, interval: float, on_result: Callable[[], object]
    ) -> None:
        self._wake, self._ended = threading.Event(), threading.Event()
        self._pid = os.getpid()
        self._borrowed = Borrowed(delivery)
        self._stop_run = weakref.WeakMethod(delivery.stop)
        self._thread = threading.Thread(
            target=deliver_until_stopped,
            args=(self._borrowed, self._wake, self._ended, interval, on_result),
            name="live-activity-delivery",
            daemon=True,
        )
        self._thread.start()
        self._at_exit = functools.partial(call_if_alive, weakref.WeakMethod(self.end))
        atexit.register(self._at_exit)

    def wake(self) -> None:
        """There is something to deliver."""
        self._borrowed.keep()
        self._wake.set()

    def finish(self) -> None:
        """Its app has gone: let it tell what has been announced, and end.

        A script may announce in a function that makes the app, and go on without it.
        """
        if self._ended.is_set() or self._pid != os.getpid():
            return
        until = time.monotonic() + LAST_WORDS
        while self._borrowed.keeps and time.monotonic() < until:
            self._ended.wait(0.01)
        self._ended.set()
        self._wake.set()
        self._thread.join()
        atexit.unregister(self._at_exit)

    def end(self) -> None:
        """Let it settle what is in flight, and end."""
        if self._pid != os.getpid():  # a child has its parent's exit handlers, but not its thread
            return
        self._ended.set()
        call_if_alive(self._stop_run)
        self._wake.set()
        self._thread.join(LAST_WORDS)
        atexit.unregister(self._at_exit)
