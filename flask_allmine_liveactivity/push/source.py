"""Pushes that can be sent now, and those that come due while answers are awaited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flask_allmine_liveactivity.model import Push

# How often a run looks for streams that have become due meanwhile, in seconds.
LOOK_AGAIN = 0.5


class PushSource(Iterable[Push]):
    """All pushes that can be sent now; ``later`` has those that have become due since.

    Args:
        pushes: Looks for what can be sent now.
        waited: Seconds since the last look.
    """

    def __init__(self, pushes: Callable[[], Iterator[Push]], waited: Callable[[], float]) -> None:
        self._pushes = pushes
        self._waited = waited

    def __iter__(self) -> Iterator[Push]:
        return self._pushes()

    def later(self) -> Iterator[Push]:
        """What has become due since the last look; nothing where that was less than half a second
        ago. To be asked for when what came before is drawn, as long as answers are awaited."""
        if self._waited() >= LOOK_AGAIN:
            yield from self._pushes()


def later_of(pushes: Iterable[Push]) -> Iterator[Push]:
    """What there is to send later: nothing, of pushes that are all there from the beginning."""
    return pushes.later() if isinstance(pushes, PushSource) else iter(())
