"""What every way of pushing can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from flask_allmine_liveactivity.model import Push, PushResult


class PushBackend(ABC):
    """Sends pushes, and says of each what became of it.

    ``send`` may be called from several threads at once.
    """

    @abstractmethod
    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        """Send `pushes`, and yield one result for each, in any order, as they come.

        `pushes` may end and have more later, for streams that come due while answers are awaited:
        ask it again now and then, until it ends with nothing in flight. (Whoever stops at its first
        end makes those wait for the next run.)

        Draw from `pushes` only as fast as there is room in flight: an audience may be a million,
        and each push that is drawn has been claimed from storage. When the consumer stops, the
        generator is closed: abandon what is in flight.

        Raises:
            LiveActivityError: Only where no push can be sent at all. What becomes of a single
                push is a ``Verdict``, never an exception.
        """

    @abstractmethod
    def close(self) -> None:
        """Close what this backend has opened itself."""
