"""What a local APNs shows of the pushes that came."""

from __future__ import annotations

from flask_allmine_liveactivity.simulator.received import Received, Records


class Receiving:
    """The side of ``LocalApns`` that shows what came. Safe to use from any thread.

    Args:
        records: Where pushes are recorded.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    @property
    def received(self) -> list[Received]:
        """All requests in order of arrival, refused ones too; a copy."""
        return self._records.kept()

    @property
    def accepted(self) -> list[Received]:
        """Those answered with 200."""
        return self._records.accepted()

    def wait_for(
        self, count: int, timeout: float = 10.0, *, accepted: bool = True
    ) -> list[Received]:
        """Wait for so many pushes since the start or the last `clear`.

        Args:
            count: How many.
            timeout: Seconds.
            accepted: Count those answered with 200 only; otherwise all.

        Returns:
            All that are kept by then, perhaps more than `count`.

        Raises:
            TimeoutError: They did not come. The message says what did.
        """
        return self._records.wait_for(count, timeout, accepted=accepted)

    def clear(self) -> None:
        """Forget what was received. What was told to be answered stays."""
        self._records.clear()
