"""Delivery in a daemon thread of each process."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable

from flask_allmine_liveactivity.delivery import Delivery
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.dispatch.green import refuse_green_threads
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped

logger = logging.getLogger(__name__)

# How long the end of the process waits for what is in flight, in seconds.
LAST_WORDS = 5.0


class ThreadDispatch(Dispatch):
    """One daemon thread a process, which sweeps also for what others have left behind.

    Args:
        delivery: Finds this process's.
        sweep_interval: How often it looks at the least, in seconds.
        on_result: Called in the thread after each push.
    """

    def __init__(
        self,
        delivery: Callable[[], Delivery],
        sweep_interval: float,
        on_result: Callable[[], object] = lambda: None,
    ) -> None:
        refuse_green_threads("the thread")
        self._delivery = delivery
        self._sweep_interval = sweep_interval
        self._on_result = on_result
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._closed = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._running: Delivery | None = None

    def start(self) -> None:
        if self._pid == os.getpid() or self._closed:
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            refuse_green_threads("the thread")
            # After a fork the parent's thread and events are not ours.
            self._wake, self._stopped = threading.Event(), threading.Event()
            self._running = self._delivery()
            self._thread = threading.Thread(
                target=deliver_until_stopped,
                args=(
                    self._running,
                    self._wake,
                    self._stopped,
                    self._sweep_interval,
                    self._on_result,
                ),
                name="live-activity-delivery",
                daemon=True,
            )
            self._thread.start()
            self._pid = os.getpid()
            atexit.register(self.close)

    def wake(self, stream_id: str) -> None:
        try:
            self.start()
        except Exception:  # "can't start new thread": what is stored is swept by others
            logger.exception("Live Activity delivery could not be started in this process")
        self._wake.set()

    def close(self) -> None:
        if self._pid != os.getpid() or self._thread is None or self._running is None:
            return
        self._closed = True
        self._stopped.set()
        self._running.stop()
        self._wake.set()
        self._thread.join(LAST_WORDS)
        self._thread = None
        atexit.unregister(self.close)
