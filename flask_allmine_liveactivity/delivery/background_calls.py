"""Calls to the storage that are made while pushes go out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundCalls:
    """A thread that makes one call after the other; it is started with the first.

    Not an executor of ``concurrent.futures``: those take no more work as soon as the interpreter
    begins to end, and a run that is under way then has still to settle what is in flight.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], T]) -> Future[T]:
        """Make this call when those before it are done; its error is the future's.

        Where no thread can be started the call is made here and now.
        """
        future: Future[T] = Future()
        if self._thread is None:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # "can't start new thread"
                _make(future, call)
                return future
            self._thread = thread
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Wait until all calls have been made, and end the thread."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _make(*call)
            del call  # or its results would be kept until the next one comes


def _make(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
