"""The rows of streams in their table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from flask_allmine_liveactivity.model import DUE_NOW, KINDS, Decide, StreamEvent
from flask_allmine_liveactivity.storage.rules import LIFTED, as_row, changed_fields
from flask_allmine_liveactivity.storage.sql.rows import event_of, of_event, the_event
from flask_allmine_liveactivity.storage.sql.stream_pages import StreamPages
from flask_allmine_liveactivity.storage.sql.tables import events
from flask_allmine_liveactivity.storage.sql.transactions import Transactions
from flask_allmine_liveactivity.storage.streams import Streams

_OURS = events.c.event.in_(KINDS)


class SQLStreams(Streams):
    """Streams, a row each.

    Args:
        transactions: On the database.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._database = transactions.database
        self._pages = StreamPages(self._database)
        self._write = transactions.write
        self._read = transactions.read
        self._change = transactions.change

    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        def work(connection: Connection) -> StreamEvent | None:
            self._database.before_locking(connection)
            row = connection.execute(the_event(stream_id).with_for_update()).first()
            current = event_of(row) if row else None
            decided = decide(current)
            if decided is None or decided is current:
                return current
            if current is None:
                connection.execute(insert(events), as_row(decided))
            else:
                # What could not be read stands in none of the two: it is left as it is.
                partly = current.unreadable is not None and decided.unreadable is not None
                values = changed_fields(current, decided) if partly else as_row(decided)
                connection.execute(update(events).where(of_event(stream_id)).values(values))
            return decided

        return self._write(work)

    def read(self, stream_id: str) -> StreamEvent | None:
        rows = self._read(the_event(stream_id))
        return event_of(rows[0]) if rows else None

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        due = select(events).where(events.c.due_at <= now, or_(_OURS, events.c.event.is_(None)))
        return [event_of(row) for row in self._read(due.order_by(events.c.due_at).limit(limit))]

    def held(self, limit: int) -> list[StreamEvent]:
        held = select(events).where(events.c.held_since.is_not(None))
        return [
            event_of(row) for row in self._read(held.order_by(events.c.held_since).limit(limit))
        ]

    def stamp(self, these: Sequence[StreamEvent], at: int) -> dict[str, int]:
        return self._write(partial(self._pages.stamp, events=these, at=at), durable=False)

    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        return self._write(partial(self._pages.rest, rests=rests), durable=False)

    def recall(self, now: float) -> int:
        resting = and_(_OURS, events.c.due_at > now, events.c.held_since.is_(None))
        odd = events.c.touch % 2 == 1
        return self._change(update(events).where(resting, odd).values(due_at=DUE_NOW))

    def lift(self, stream_id: str | None) -> int:
        held = update(events).where(events.c.held_since.is_not(None))
        if stream_id is not None:
            held = held.where(of_event(stream_id))
        return self._change(held.values(dict(LIFTED)))

    def purge(self, before: float) -> int:
        return self._change(delete(events).where(events.c.expires_at < before))
