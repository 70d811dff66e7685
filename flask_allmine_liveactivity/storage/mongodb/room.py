"""How many sessions a user may have, where there are no transactions.

A row is inserted, then all are counted, and where they are too many it is taken back. For that
moment there are more than the bound allows, and of two that come at once each may make the other
go. What stays is never more, unless a process dies in that moment: then the user has one row too
many, until his next new registration makes way for it as well, or until it is purged.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.collection import Collection

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.mongodb.documents import Document
from flask_allmine_liveactivity.storage.resolution import (
    OVER,
    Resolution,
    rows_more,
    rows_too_many,
)


class Room:
    """The room for one more row of a user.

    Args:
        sessions: The collection.
        user_id: Whose.
        at_most: How many rows the user may have.
        now: What has expired by then makes way.
    """

    def __init__(
        self, sessions: Collection[Document], user_id: str, at_most: int, now: float
    ) -> None:
        self._sessions = sessions
        self._user_id = user_id
        self._at_most = at_most
        self._finished: Document = {
            "user_id": user_id,
            "$or": [
                {"status": {"$in": [status.value for status in OVER]}},
                {"expires_at": {"$lte": now}},
            ],
        }

    def is_needed(self, resolution: Resolution, met: Sequence[Session]) -> bool:
        """Whether the user has one row more once this is written."""
        return rows_more(resolution, met, self._user_id) > 0

    def can_be_made(self, resolution: Resolution, met: Sequence[Session]) -> bool:
        """Whether there would be room, if nobody else came."""
        there = self._there()
        too_many = rows_too_many(resolution, met, self._user_id, there, self._at_most)
        return too_many == 0 or self._oldest_finished(too_many) is not None

    def make(self) -> bool:
        """Let rows that are over make way; returns whether all that are there have room."""
        while (too_many := self._there() - self._at_most) > 0:
            making_way = self._oldest_finished(too_many)
            if making_way is None:
                return False
            # One that has begun a new life meanwhile stays, and all are counted again.
            self._sessions.delete_many({"_id": {"$in": making_way}, **self._finished})
        return True

    def _there(self) -> int:
        return self._sessions.count_documents({"user_id": self._user_id})

    def _oldest_finished(self, rows: int) -> list[str] | None:
        """The ids of so many; ``None`` where there are fewer."""
        found = self._sessions.find(self._finished, {"_id": 1}).sort("registered_at", 1).limit(rows)
        ids = [row["_id"] for row in found]
        return ids if len(ids) == rows else None


def room_of(sessions: Collection[Document], session: Session, at_most: int | None) -> Room | None:
    """The room for one more session; ``None`` where there is no bound."""
    if at_most is None or session.user_id is None:
        return None
    return Room(sessions, session.user_id, at_most, session.registered_at)
