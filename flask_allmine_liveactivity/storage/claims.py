"""Rows that are claimed, pushed to and settled, of whatever record they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from flask_allmine_liveactivity.model import Settlement, StreamEvent

Row = TypeVar("Row")


class Claims(ABC, Generic[Row]):
    """Who of a stream is still to be told its event: taken for a while by one worker, then settled.

    .. versionadded:: 0.1.0
    """

    @abstractmethod
    def claim(
        self,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
        round_robin: bool = False,
    ) -> list[Row]:
        """Take pending rows of a stream: none is ever taken twice under one lease.

        Takes up to `limit` rows that are active, have ``delivered < revision``, ``due_at <= now``
        and ``leased_until <= now``, and gives them `claim_id` and `leased_until`, atomically.

        Those that are due for the longest first; with `round_robin`, as an update needs it, those
        with the lowest ``delivered``: who has been told longest ago. Both are found without going
        through those who have been told.

        .. versionadded:: 0.1.0
        """

    def claim_each(
        self,
        events: Sequence[StreamEvent],
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
    ) -> list[Row]:
        """Claim up to `limit` pending rows of each of many streams, as ``claim`` does of one.

        A storage that can do it by the page does: there may be thousands of small streams.

        .. versionadded:: 0.1.0
        """
        return [
            row
            for event in events
            for row in self.claim(
                event.stream_id,
                event.revision,
                claim_id=claim_id,
                limit=limit,
                now=now,
                leased_until=leased_until,
                round_robin=event.is_update,
            )
        ]

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> int:
        """Write what rows become, and clear their claims; returns how many counted.

        ``whoever_holds_the_lease``: counts where the row's stream still has a row with its
        token; one that ``is_told`` only where the row's ``delivered`` is lower, and one that is
        active afterwards only where the row is. Otherwise: where the row still has its
        ``claim_id``. Either way only where the row's ``token_seen_at`` is not later than
        ``not_seen_after``, if given.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def next_due(self, stream_id: str, revision: int, *, round_robin: bool = False) -> float | None:
        """When the next row can be claimed: among the active ones with ``delivered < revision``,
        the earliest ``due_at``, or ``leased_until`` where it is claimed.

        With `round_robin` it is found without going through those who have been told, and not
        without going through those who wait.

        Sees whatever was committed before it was called.

        .. versionadded:: 0.1.0
        """

    def next_due_of_each(self, events: Sequence[StreamEvent]) -> dict[str, float]:
        """``next_due`` of each of many streams, by stream id; without those that have none.

        .. versionadded:: 0.1.0
        """
        dues = {
            event.stream_id: self.next_due(
                event.stream_id, event.revision, round_robin=event.is_update
            )
            for event in events
        }
        return {stream_id: due_at for stream_id, due_at in dues.items() if due_at is not None}

    @abstractmethod
    def forget_refusals(self, events: Sequence[StreamEvent], now: float) -> int:
        """Make due now who waits since a push of an earlier revision was refused: an end waits for
        nothing that an update has caused.

        Those that are active with ``delivered`` and ``refused`` lower than the revision of their
        stream's event, ``due_at > now``, and unclaimed or with ``leased_until <= now``. Their
        ``attempts``, ``rejections`` and ``reason`` begin anew. Returns how many.

        .. versionadded:: 0.1.0
        """
