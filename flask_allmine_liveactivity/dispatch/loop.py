"""Delivering until told to stop: what the thread and the worker process share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.borrowed import Borrowed
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import NEVER

logger = logging.getLogger(__name__)

# Between two runs at the least, in seconds.
SHORTEST_WAIT = 0.02


def deliver_until_stopped(
    delivery: Delivery | Borrowed,
    wake: threading.Event,
    stopped: threading.Event,
    interval: float,
    on_result: Callable[[], object] = lambda: None,
) -> None:
    """Run delivery whenever something is due or `wake` is set, and every `interval` seconds.

    Calls `on_result` after each push. No error ends it: what could not be done now is still due at
    the next look.
    """
    next_due = NEVER
    while not stopped.is_set():
        wake.clear()
        wait = interval
        began = time.time()
        try:
            run = delivery.run(on_result=on_result)
            delivery.look_after_the_storage()
            # A run knows only of the streams that it was at; others are still due when they were.
            next_due = min(run.next_due, next_due if next_due > began else NEVER)
            wait = 0.0 if run.obstacle else next_due - time.time()
        except StorageUnavailable as error:
            logger.warning("Live Activity delivery waits %.0f s: %s", interval, error)
        except Exception:
            logger.exception("Live Activity delivery failed; it goes on in %.0f s", interval)
        pause = delivery.pause()
        if pause:  # nobody answers: not even a new announcement is a reason to knock again
            stopped.wait(pause)
        else:
            wake.wait(min(interval, max(SHORTEST_WAIT, wait)))
