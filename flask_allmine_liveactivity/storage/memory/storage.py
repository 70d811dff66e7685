"""All rows in dictionaries behind locks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from flask_allmine_liveactivity.model import Counts, Session, SessionStatus, StreamEvent
from flask_allmine_liveactivity.model.stream import FOUND
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory.sessions import MemorySessions
from flask_allmine_liveactivity.storage.memory.streams import MemoryStreams


class MemoryStorage(Storage):
    """All rows in dictionaries behind locks.

    Args:
        streams: To be used instead of plain ones, in tests.
        sessions: The same.

    .. versionadded:: 0.1.0
    """

    streams: MemoryStreams
    sessions: MemorySessions

    def __init__(
        self, *, streams: MemoryStreams | None = None, sessions: MemorySessions | None = None
    ) -> None:
        self.streams = streams or MemoryStreams()
        self.sessions = sessions or MemorySessions()

    def prepare(self) -> None:
        """Nothing to make.

        .. versionadded:: 0.1.0
        """

    def close(self) -> None:
        """Nothing to close.

        .. versionadded:: 0.1.0
        """

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        rows = [row for row in self.sessions.all() if stream_id in (None, row.stream_id)]
        events = {
            event.stream_id: event
            for event in self.streams.all()
            if stream_id in (None, event.stream_id)
        }
        untold = [(row, events[row.stream_id]) for row in rows if _is_untold(row, events, now)]
        updates = [each for each in untold if each[1].is_update]
        pending = [each for each in untold if not each[1].is_update]
        waiting = [row for row, _ in untold if row.reason]
        return Counts(
            active=sum(row.status is SessionStatus.ACTIVE for row in rows),
            pending=len(pending),
            oldest_pending_since=_oldest(pending),
            updates_pending=len(updates),
            oldest_update_since=_oldest(updates),
            updated=sum(_is_updated(row) for row in rows),
            ended=sum(row.status is SessionStatus.ENDED for row in rows),
            waiting=Counter(row.reason for row in waiting if row.reason),
            next_tries=_next_tries(waiting),
            dead=Counter(row.reason or "" for row in rows if row.status is SessionStatus.DEAD),
            ends_found=sum(event.is_end and event.source == FOUND for event in events.values()),
        )


def _is_untold(row: Session, events: Mapping[str, StreamEvent], now: float) -> bool:
    event = events.get(row.stream_id)
    return (
        row.status is SessionStatus.ACTIVE
        and row.expires_at > now
        and event is not None
        and event.event is not None
        and row.delivered < event.revision
    )


def _is_updated(row: Session) -> bool:
    return row.status is SessionStatus.ACTIVE and row.delivered > 0 and row.reason is None


def _oldest(untold: Iterable[tuple[Session, StreamEvent]]) -> float | None:
    return min((max(row.token_seen_at, event.told_since) for row, event in untold), default=None)


def _next_tries(waiting: Iterable[Session]) -> dict[str, float]:
    earliest: dict[str, float] = {}
    for row in waiting:
        if row.reason:
            earliest[row.reason] = min(row.due_at, earliest.get(row.reason, row.due_at))
    return earliest
