"""Pushes of which there may be more later."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask_allmine_liveactivity.model import Push

# How often a run looks for streams that have become due meanwhile, in seconds.
LOOK_AGAIN = 0.5


class Source:
    """Pushes for as long as there are any; asked again later, it may have some again.

    Args:
        pushes: All that can be sent now, with a look for streams that have become due.
        waited: Seconds since the last look.
    """

    def __init__(self, pushes: Callable[[], Iterator[Push]], waited: Callable[[], float]) -> None:
        self._make = pushes
        self._waited = waited
        self._pushes: Iterator[Push] | None = pushes()

    def __iter__(self) -> Iterator[Push]:
        return self

    def __next__(self) -> Push:
        if self._pushes is None and self._waited() >= LOOK_AGAIN:
            self._pushes = self._make()
        push = None if self._pushes is None else next(self._pushes, None)
        if push is None:
            self._pushes = None
            raise StopIteration
        return push
