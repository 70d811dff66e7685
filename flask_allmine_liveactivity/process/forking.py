"""What hooks on forks share."""

from __future__ import annotations

import weakref
from collections.abc import Callable


def call_if_alive(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    """Call a method whose object is still in use."""
    bound = method()
    if bound is not None:
        bound()
