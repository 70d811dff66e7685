"""Requests go first in a process that also delivers."""

from __future__ import annotations

import os
import threading
import time
import weakref

from flask import Flask, request, request_started, request_tearing_down

from flask_allmine_liveactivity.process.forking import call_if_alive

# How long a fan-out steps aside for the requests under way, and how long it works at the least
# before it does so again, in seconds: a process that is never without a request delivers, too.
LONGEST_PAUSE = 0.01
LEAST_WORK = 0.005

_COUNTED = "flask_allmine_liveactivity.counted"


class Courtesy:
    """Lets a fan-out pause while a request is served; an interpreter does one thing at a time.

    Without it a request waits for its turn again and again, as often as it asks a database.

    Args:
        app: Whose requests go first.
    """

    def __init__(self, app: Flask) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            # Such hooks cannot be taken back: they must not keep what is not used any more.
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: call_if_alive(renew))
        request_started.connect(self._began, app)
        request_tearing_down.connect(self._ended, app)

    def _renew(self) -> None:
        # Requests that were under way at a fork are the parent's.
        self._changed = threading.Condition()
        self._requests = 0
        self._paused_at = 0.0

    def step_aside(self) -> None:
        """Wait for the requests under way, if there are any, but not for long."""
        if not self._requests or time.monotonic() - self._paused_at < LEAST_WORK:
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._requests, LONGEST_PAUSE)
        self._paused_at = time.monotonic()

    def _began(self, _app: object, **_: object) -> None:
        request.environ[_COUNTED] = True
        with self._changed:
            self._requests += 1

    def _ended(self, _app: object, **_: object) -> None:
        # Contexts without a request that has begun end, too, and copies of one.
        if request.environ.pop(_COUNTED, False):
            with self._changed:
                self._requests = max(0, self._requests - 1)
                self._changed.notify_all()
