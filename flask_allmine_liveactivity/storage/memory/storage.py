"""All rows in dictionaries behind locks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from flask_allmine_liveactivity.model import Counts, Session, SessionStatus
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
        pending = [row for row in rows if self._is_pending(row, now)]
        return Counts(
            active=sum(row.status is SessionStatus.ACTIVE for row in rows),
            pending=len(pending),
            oldest_pending_since=min(
                (max(row.token_seen_at, self._told_since(row)) for row in pending),
                default=None,
            ),
            ended=sum(row.status is SessionStatus.ENDED for row in rows),
            waiting=Counter(row.reason for row in pending if row.reason),
            next_tries=_next_tries(pending),
            dead=Counter(row.reason or "" for row in rows if row.status is SessionStatus.DEAD),
        )

    def _is_pending(self, row: Session, now: float) -> bool:
        event = self.streams.read(row.stream_id)
        return (
            row.status is SessionStatus.ACTIVE
            and row.expires_at > now
            and event is not None
            and event.event is not None
            and row.delivered < event.revision
        )

    def _told_since(self, row: Session) -> float:
        event = self.streams.read(row.stream_id)
        return event.told_since if event is not None else 0.0


def _next_tries(pending: Iterable[Session]) -> dict[str, float]:
    earliest: dict[str, float] = {}
    for row in pending:
        if row.reason:
            earliest[row.reason] = min(row.due_at, earliest.get(row.reason, row.due_at))
    return earliest
