"""Streams that are stamped, and put to rest, by the page: not one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, case, select, update

from flask_allmine_liveactivity.model import StreamEvent
from flask_allmine_liveactivity.model.stream_writes import rested
from flask_allmine_liveactivity.storage.rules import alike, by_revision
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.tables import events


class StreamPages:
    """Stamps and rests of many streams, each within a transaction of the caller's.

    Args:
        database: Whose manner they are in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        among = database.among
        at: BindParameter[int] = bindparam("at", type_=events.c.timestamp.type)
        revision = events.c.revision == bindparam("as_read")
        self._raise = (
            update(events)
            .where(among(events.c.stream_id), revision)
            .values(timestamp=case((events.c.timestamp < at, at), else_=events.c.timestamp))
        )
        self._stamps = select(events.c.stream_id, events.c.timestamp).where(
            among(events.c.stream_id), revision
        )
        as_given = (revision, events.c.touch == bindparam("as_touched"))
        at_rest: dict[str, Any] = {
            "due_at": bindparam("until"),
            "touch": bindparam("rested"),
            "held_reason": None,
            "held_since": None,
        }
        self._rest = update(events).where(among(events.c.stream_id), *as_given).values(at_rest)
        # Of how many a list is, planners guess: one is found by its key, also among few rows.
        self._rest_one = (
            update(events).where(events.c.stream_id == bindparam("one"), *as_given).values(at_rest)
        )

    def stamp(
        self, connection: Connection, events: Sequence[StreamEvent], at: int
    ) -> dict[str, int]:
        """Raise the timestamps of events, as ``Streams.stamp``."""
        stamped: dict[str, int] = {}
        for revision, ids in by_revision(events).items():
            these = {**self._database.these(ids), "as_read": revision}
            connection.execute(self._raise, {**these, "at": at})
            stamped |= {row[0]: row[1] for row in connection.execute(self._stamps, these)}
        return stamped

    def rest(self, connection: Connection, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        """Put events to rest, as ``Streams.rest``."""
        rested_rows = 0
        for event, due_at, ids in alike(rests):
            given = {
                "as_read": event.revision,
                "as_touched": event.touch,
                "rested": rested(event.touch),
                "until": due_at,
            }
            if len(ids) == 1:
                result = connection.execute(self._rest_one, {**given, "one": ids[0]})
            else:
                result = connection.execute(self._rest, {**given, **self._database.these(ids)})
            rested_rows += result.rowcount
        return rested_rows
