"""Pushes that can be sent now, those that come due while answers are awaited, and the way back."""

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
        ends: Whether the run is to end, as with its process.
        take_back: Takes pushes that were drawn and have not been sent.
    """

    def __init__(
        self,
        pushes: Callable[[], Iterator[Push]],
        waited: Callable[[], float],
        ends: Callable[[], bool] = lambda: False,
        take_back: Callable[[list[Push]], object] = lambda _: None,
    ) -> None:
        self._pushes = pushes
        self._waited = waited
        self._ends = ends
        self._take_back = take_back

    def __iter__(self) -> Iterator[Push]:
        return self._pushes()

    def later(self) -> Iterator[Push]:
        """What has become due since the last look; nothing where that was less than half a second
        ago. To be asked for when what came before is drawn, as long as answers are awaited."""
        if self._waited() >= LOOK_AGAIN:
            yield from self._pushes()

    def take_back(self, unsent: Callable[[], list[Push]]) -> None:
        """Where the run is to end, take back what was drawn and has not been sent: others may have
        it at once, and these have no result. To be called as long as answers are awaited.

        Args:
            unsent: Called where it is to end; lets go of them for good, and returns them.

        .. versionadded:: 0.1.0
        """
        if self._ends():
            self._take_back(unsent())


def later_of(pushes: Iterable[Push]) -> Iterator[Push]:
    """What there is to send later: nothing, of pushes that are all there from the beginning."""
    return pushes.later() if isinstance(pushes, PushSource) else iter(())


def let_go(pushes: Iterable[Push], unsent: Callable[[], list[Push]]) -> None:
    """See ``PushSource.take_back``; pushes that are all there from the beginning are all sent."""
    if isinstance(pushes, PushSource):
        pushes.take_back(unsent)
