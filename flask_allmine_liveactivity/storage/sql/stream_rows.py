"""The rows of streams in their table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from flask_allmine_liveactivity.model import DUE_NOW, END, KINDS, Decide, StreamEvent
from flask_allmine_liveactivity.storage.rules import LIFTED, as_row, by_revision, changed_fields
from flask_allmine_liveactivity.storage.sql.rows import event_of, of_event
from flask_allmine_liveactivity.storage.sql.stream_pages import StreamPages
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, events
from flask_allmine_liveactivity.storage.sql.transactions import Transactions
from flask_allmine_liveactivity.storage.streams import Streams

_OURS = events.c.event.in_(KINDS)
_TOLD_HERE = or_(_OURS, events.c.event.is_(None))
_ACTIVE_STREAMS = select(active_sessions.c.stream_id).distinct()

# Built once: SQLAlchemy takes longer to build them than a database to execute them, and where a
# host's first answers are written it is a hundred thousand of them. A parameter with a column's own
# name would be taken for a value of that column.
_NEW = "new_{}".format
_ONE = select(events).where(events.c.stream_id == bindparam("one"))
_LOCKED = _ONE.with_for_update()
_REWRITE = (
    update(events)
    .where(events.c.stream_id == bindparam("one"))
    .values({each.key: bindparam(_NEW(each.key), type_=each.type) for each in events.c})
)


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
            row = connection.execute(_LOCKED, {"one": stream_id}).first()
            current = event_of(row) if row else None
            decided = decide(current)
            if decided is None or decided is current:
                return current
            if current is None:
                connection.execute(insert(events), as_row(decided))
            elif current.unreadable is not None and decided.unreadable is not None:
                # What could not be read stands in none of the two: it is left as it is.
                values = changed_fields(current, decided)
                connection.execute(update(events).where(of_event(stream_id)).values(values))
            else:
                new = {_NEW(name): value for name, value in as_row(decided).items()}
                connection.execute(_REWRITE, {"one": stream_id, **new})
            return decided

        return self._write(work)

    def read(self, stream_id: str) -> StreamEvent | None:
        rows = self._read(_ONE, {"one": stream_id})
        return event_of(rows[0]) if rows else None

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        due = select(events).where(events.c.due_at <= now, _TOLD_HERE)
        return [event_of(row) for row in self._read(due.order_by(events.c.due_at).limit(limit))]

    def first_due(self) -> float | None:
        first = select(events.c.due_at).where(_TOLD_HERE).order_by(events.c.due_at).limit(1)
        rows = self._read(first)
        return float(rows[0][0]) if rows else None

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        due = events.c.check_at <= now
        if not self._read(select(events.c.check_at).where(due).limit(1)):
            return []  # a write is more than a look
        chosen = select(events).where(due).order_by(events.c.check_at).limit(limit)

        def work(connection: Connection) -> list[StreamEvent]:
            self._database.before_locking(connection)
            found = connection.execute(chosen.with_for_update(skip_locked=True)).all()
            taken = [event_of(row, check_at=again_at) for row in found]
            if taken:
                these = self._database.among(
                    events.c.stream_id, [event.stream_id for event in taken]
                )
                connection.execute(update(events).where(these).values(check_at=again_at))
            return taken

        return self._write(work, durable=False)

    def begin(self, these: Sequence[StreamEvent], at: float) -> None:
        for revision, ids in by_revision(these).items():
            same = self._database.among(events.c.stream_id, ids), events.c.revision == revision
            self._change(update(events).where(*same).values(told_at=at), durable=False)

    def adopt(self, now: float) -> int:
        there = select(events.c.stream_id)
        found = _ACTIVE_STREAMS.where(active_sessions.c.stream_id.not_in(there))
        adopted = 0
        for (stream_id,) in self._read(found):
            self.wake(stream_id, now, now, ask_at=now)
            adopted += 1
        unasked = (
            update(events)
            .where(
                events.c.check_at.is_(None),
                events.c.event.is_(None),
                events.c.stream_id.in_(_ACTIVE_STREAMS),
            )
            .values(check_at=now)
        )
        return adopted + self._change(unasked)

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
        resting = and_(events.c.event == END, events.c.due_at > now, events.c.held_since.is_(None))
        odd = events.c.touch % 2 == 1
        return self._change(update(events).where(resting, odd).values(due_at=DUE_NOW))

    def lift(self, stream_id: str | None) -> int:
        held = update(events).where(events.c.held_since.is_not(None))
        if stream_id is not None:
            held = held.where(of_event(stream_id))
        return self._change(held.values(dict(LIFTED)))

    def purge(self, before: float) -> int:
        return self._change(delete(events).where(events.c.expires_at < before))
