"""Sessions, who of them waits, and events: three SQL tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from flask_allmine_liveactivity.model import (
    Announcement,
    Counts,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    next_event,
)
from flask_allmine_liveactivity.storage.base import (
    NOTHING_TO_TELL,
    Outcome,
    Resolution,
    Resolve,
    Storage,
    as_row,
    grouped,
    never_ended,
    revived_fields,
)
from flask_allmine_liveactivity.storage.sql.batches import Batches
from flask_allmine_liveactivity.storage.sql.rows import (
    event_of,
    lock_those_met_by,
    not_by_index,
    of_event,
    session_of,
    the_event,
    with_claims,
    write_resolution,
)
from flask_allmine_liveactivity.storage.sql.tables import events, sessions, waiting
from flask_allmine_liveactivity.storage.sql.transactions import Transactions
from flask_allmine_liveactivity.storage.sql.waiting import (
    ACTIVE,
    NOT_LEASED,
    enter_whoever_is_missing,
    leave,
    untold,
)


class SQLStorage(Storage):
    """Storage over a SQLAlchemy engine.

    Args:
        engine: The host's, which stays open and as it is.
        owned: Whether ``close()`` disposes of the engine.

    Raises:
        ConfigurationError: The engine's database is not one that is supported.
    """

    def __init__(self, engine: Engine, *, owned: bool = False) -> None:
        self._transactions = Transactions(engine, owned=owned)
        self._database = self._transactions.database
        self._batches = Batches(self._database)
        self._write = self._transactions.write
        self._read = self._transactions.read
        self._change = self._transactions.change

    def prepare(self) -> None:
        self._transactions.prepare()

    def close(self) -> None:
        self._transactions.close()

    # --- registering -------------------------------------------------------------------------

    def register(self, session: Session, resolve: Resolve) -> Resolution:
        # Most registrations meet nobody: a plain insert decides those.
        fresh = resolve([])
        if fresh.write is not None and self._transactions.write_once(
            partial(self._database.insert_unless_taken, session=fresh.write)
        ):
            return fresh

        def work(connection: Connection) -> Resolution:
            self._database.before_locking(connection)
            met = lock_those_met_by(connection, session)
            resolution = resolve(met)
            if resolution.outcome not in (Outcome.CONFLICT, Outcome.FULL):
                write_resolution(connection, resolution, met)
            return resolution

        return self._write(work)

    def count_of_user(self, user_id: str) -> int:
        statement = select(func.count()).where(sessions.c.user_id == user_id)
        return int(self._read(statement)[0][0])

    def make_room(self, user_id: str, rows: int, now: float) -> int:
        finished = (
            sessions.c.user_id == user_id,
            or_(sessions.c.status != SessionStatus.ACTIVE.value, sessions.c.expires_at <= now),
        )
        oldest = (
            select(sessions.c.session_id)
            .where(*finished)
            .order_by(sessions.c.registered_at)
            .limit(rows)
        )
        return self._write(partial(self._delete, chosen=oldest))

    def _delete(self, connection: Connection, chosen: Select[Any]) -> int:
        self._database.before_locking(connection)
        ids = connection.scalars(chosen.with_for_update()).all()
        if ids:
            among = self._database.among
            connection.execute(delete(sessions).where(among(sessions.c.session_id, ids)))
            leave(connection, among(waiting.c.session_id, ids))
        return len(ids)

    # --- events ------------------------------------------------------------------------------

    def announce(
        self, announcement: Announcement, now: float, *, only_at: int | None = None
    ) -> StreamEvent:
        def work(connection: Connection) -> StreamEvent:
            self._database.before_locking(connection)
            row = connection.execute(the_event(announcement.stream_id).with_for_update()).first()
            current = event_of(row) if row else None
            if only_at is not None and current is not None and current.revision != only_at:
                return current
            event = next_event(current, announcement, now)
            if current is None:
                connection.execute(insert(events), as_row(event))
            else:
                connection.execute(
                    update(events).where(of_event(event.stream_id)).values(as_row(event))
                )
            return event

        return self._write(work)

    def touch(self, stream_id: str, expires_at: float, now: float) -> StreamEvent | None:
        touched = (
            update(events)
            .where(of_event(stream_id), events.c.event.is_not(None))
            .values(
                touch=events.c.touch + 1,
                due_at=case((events.c.held_reason.is_(None), now), else_=events.c.due_at),
                expires_at=case(
                    (events.c.expires_at < expires_at, expires_at), else_=events.c.expires_at
                ),
            )
        )

        def in_one(connection: Connection) -> StreamEvent | None:
            row = connection.execute(touched.returning(events)).first()
            return event_of(row) if row else None

        def in_two(connection: Connection) -> StreamEvent | None:
            if connection.execute(touched).rowcount == 0:
                return None
            return event_of(connection.execute(the_event(stream_id)).one())

        if self._transactions.engine.dialect.update_returning:
            return self._transactions.write_once(in_one)
        return self._write(in_two)

    def event(self, stream_id: str) -> StreamEvent | None:
        rows = self._read(the_event(stream_id))
        return event_of(rows[0]) if rows else None

    def due_events(self, now: float, limit: int) -> list[StreamEvent]:
        statement = (
            select(events).where(events.c.due_at <= now).order_by(events.c.due_at).limit(limit)
        )
        return [event_of(row) for row in self._read(statement)]

    def held_events(self, limit: int) -> list[StreamEvent]:
        statement = (
            select(events)
            .where(events.c.held_since.is_not(None))
            .order_by(events.c.held_since)
            .limit(limit)
        )
        return [event_of(row) for row in self._read(statement)]

    def rest(self, event: StreamEvent, due_at: float) -> bool:
        return bool(
            self._change(
                update(events)
                .where(
                    of_event(event.stream_id),
                    events.c.revision == event.revision,
                    events.c.touch == event.touch,
                )
                .values(due_at=due_at, held_reason=None, held_since=None)
            )
        )

    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        self._change(
            update(events)
            .where(of_event(event.stream_id), events.c.revision == event.revision)
            .values(held_reason=reason, held_since=since, due_at=due_at)
        )

    def lift(self, stream_id: str | None, now: float) -> int:
        statement = update(events).where(events.c.held_since.is_not(None))
        if stream_id is not None:
            statement = statement.where(of_event(stream_id))
        return self._change(statement.values(held_reason=None, held_since=None, due_at=now))

    def reopen(self, stream_id: str, now: float) -> StreamEvent:
        reopened = (
            update(events)
            .where(of_event(stream_id))
            .values(
                revision=events.c.revision + 1,
                touch=events.c.touch + 1,
                **NOTHING_TO_TELL,
            )
        )

        def work(connection: Connection) -> StreamEvent:
            self._database.before_locking(connection)
            if connection.execute(reopened).rowcount == 0:
                connection.execute(insert(events), as_row(never_ended(stream_id, now)))
            return event_of(connection.execute(the_event(stream_id)).one())

        return self._write(work)

    # --- delivering --------------------------------------------------------------------------

    def claim(
        self,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
    ) -> list[Session]:
        claimed: list[Session] = []
        while len(claimed) < limit:
            portion = min(limit - len(claimed), self._database.at_once)
            work = partial(
                self._batches.claim,
                stream_id=stream_id,
                revision=revision,
                claim_id=claim_id,
                portion=portion,
                now=now,
                leased_until=leased_until,
            )
            sessions_of_it = self._write(work, durable=False)
            claimed += sessions_of_it
            if len(sessions_of_it) < portion:
                break
        return claimed

    def settle(self, settlements: Sequence[Settlement]) -> int:
        at_once = self._database.at_once
        return sum(
            self._settle(settlements[begin : begin + at_once])
            for begin in range(0, len(settlements), at_once)
        )

    def _settle(self, settlements: Sequence[Settlement]) -> int:
        def work(connection: Connection) -> int:
            return sum(
                self._batches.settle(connection, settlement, group)
                for settlement, group in grouped(settlements)
            )

        return self._write(work, durable=False)

    def next_due(self, stream_id: str, revision: int) -> float | None:
        pending = untold(stream_id, revision)
        by_due_at = (
            select(waiting.c.due_at, waiting.c.leased_until)
            .where(*pending)
            .order_by(waiting.c.due_at)
            .limit(1)
        )
        first = self._read(by_due_at)
        if not first or not first[0].leased_until:
            return float(first[0].due_at) if first else None
        # Those before the first free one are all in somebody's hands: they are few.
        free = self._read(by_due_at.where(NOT_LEASED))
        leased = select(func.min(waiting.c.leased_until)).where(*pending, not_(NOT_LEASED))
        if free:
            leased = leased.where(waiting.c.due_at < free[0].due_at)
        times = [row[0] for row in (*free, *self._read(leased)) if row[0] is not None]
        return float(min(times)) if times else None

    # --- what people ask for -----------------------------------------------------------------

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        among = [] if stream_id is None else [sessions.c.stream_id == stream_id]
        dead = [sessions.c.status == SessionStatus.DEAD.value, sessions.c.expires_at > now, *among]
        counted = select(sessions.c.stream_id, func.count()).where(*dead)
        revived = update(sessions).where(*dead).values(revived_fields(now))

        def work(connection: Connection) -> dict[str, int]:
            self._database.before_locking(connection)
            rows = connection.execute(counted.group_by(sessions.c.stream_id)).all()
            connection.execute(revived)
            enter_whoever_is_missing(connection, *among)
            return {row[0]: row[1] for row in rows}

        return self._write(work)

    def release(self, user_id: str, device_id: str) -> int:
        return self._change(
            update(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.device_id == device_id, ACTIVE)
            .values(user_id=None, identity=sessions.c.session_id, hold=sessions.c.session_id)
        )

    def forget_user(self, user_id: str) -> int:
        orphaned = (
            update(sessions)
            .where(sessions.c.user_id == user_id, ACTIVE)
            .values(
                user_id=None,
                device_id="",
                identity=sessions.c.session_id,
                hold=sessions.c.session_id,
            )
        )
        # Not what is active: it has registered since the first statement, and is to be told.
        erased = delete(sessions).where(sessions.c.user_id == user_id, not_(ACTIVE))

        def work(connection: Connection) -> int:
            self._database.before_locking(connection)
            return connection.execute(orphaned).rowcount + connection.execute(erased).rowcount

        return self._write(work)

    def purge(self, before: float) -> int:
        expired = sessions.c.expires_at < before
        ownerless = and_(sessions.c.user_id.is_(None), not_(ACTIVE))
        gone = sum(map(self._purge, (expired, ownerless)))
        return gone + self._change(delete(events).where(events.c.expires_at < before))

    def _purge(self, over: ColumnElement[bool]) -> int:
        # In portions, between which phones register.
        portion = self._database.at_once
        chosen = select(sessions.c.session_id).where(over).limit(portion)
        gone = 0
        while True:
            deleted = self._write(partial(self._delete, chosen=chosen), durable=False)
            gone += deleted
            if deleted < portion:
                return gone

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        # One pass over the index, where grouping would sort a whole audience.
        by_status = select(
            *(
                func.coalesce(func.sum(case((sessions.c.status == status.value, 1), else_=0)), 0)
                for status in SessionStatus
            )
        )
        dead = (
            select(sessions.c.reason, func.count())
            .where(sessions.c.status == SessionStatus.DEAD.value)
            .group_by(sessions.c.reason)
        )
        since = case(
            (sessions.c.token_seen_at > events.c.timestamp, sessions.c.token_seen_at),
            else_=events.c.timestamp,
        )
        pending = (
            select(sessions.c.reason, func.count(), func.min(since))
            .join_from(sessions, events, sessions.c.stream_id == events.c.stream_id)
            .where(
                ACTIVE,
                not_by_index(sessions.c.expires_at) > now,
                events.c.event.is_not(None),
                sessions.c.delivered < events.c.revision,
            )
            .group_by(sessions.c.reason)
        )
        if stream_id is not None:
            by_status = by_status.where(sessions.c.stream_id == stream_id)
            dead = dead.where(sessions.c.stream_id == stream_id)
            pending = pending.where(sessions.c.stream_id == stream_id)
        totals = dict(zip(SessionStatus, map(int, self._read(by_status)[0]), strict=True))
        behind = self._read(pending)
        return Counts(
            active=totals[SessionStatus.ACTIVE],
            pending=sum(row[1] for row in behind),
            oldest_pending_since=min((float(row[2]) for row in behind), default=None),
            ended=totals[SessionStatus.ENDED],
            waiting={row[0]: row[1] for row in behind if row[0]},
            dead={row[0] or "": row[1] for row in self._read(dead)},
        )

    def sessions(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        statement = with_claims().where(sessions.c.session_id > after)
        if stream_id is not None:
            statement = statement.where(sessions.c.stream_id == stream_id)
        if user_id is not None:
            statement = statement.where(sessions.c.user_id == user_id)
        if status is not None:
            statement = statement.where(sessions.c.status == status.value)
        rows = self._read(statement.order_by(sessions.c.session_id).limit(limit))
        return [session_of(row) for row in rows]
