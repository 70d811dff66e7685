"""Calls to functions of the host: each may be ``async``, whoever calls."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from flask import Flask


def call_host(app: Flask, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    """What a function of the host returns; where that is awaitable, what it comes to.

    An ``async`` function is waited for as Flask waits for an ``async`` view. In an ``async`` view
    of the host's, Flask cannot: a thread has one event loop, and that view runs in it. There the
    function gets a thread with an event loop of its own, in the caller's context.

    Args:
        app: The host, whose ``ensure_sync`` says how it runs ``async`` code.
        function: Called here, in the caller's thread, where it is not ``async``.
        args: Its arguments.
        kwargs: The same.

    Raises:
        RuntimeError: It is ``async``, and Flask was installed without its extra ``async``.
    """
    result = function(*args, **kwargs)
    if not inspect.isawaitable(result):
        return result
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _wait(app, result)
    return _wait_elsewhere(app, result)


async def _result(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _wait(app: Flask, awaitable: Awaitable[Any]) -> Any:
    try:
        wait = app.ensure_sync(_result)
    except RuntimeError:  # or Python would warn that it was never awaited
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise
    return wait(awaitable)


def _wait_elsewhere(app: Flask, awaitable: Awaitable[Any]) -> Any:
    result: Future[Any] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result.set_result(context.run(_wait, app, awaitable))
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=work, name="live-activity-callback", daemon=True)
    thread.start()
    thread.join()
    return result.result()
