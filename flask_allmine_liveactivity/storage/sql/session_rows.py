"""Sessions in their two tables: those of all, and those of the active ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    func,
    not_,
    select,
    update,
)

from flask_allmine_liveactivity.model import (
    NEVER,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
)
from flask_allmine_liveactivity.storage.resolution import Resolution, Resolve
from flask_allmine_liveactivity.storage.rules import by_revision, disowned, forgotten, grouped
from flask_allmine_liveactivity.storage.sessions import Sessions
from flask_allmine_liveactivity.storage.sql.active_rows import ACTIVE, NOT_LEASED, untold
from flask_allmine_liveactivity.storage.sql.batches import Batches
from flask_allmine_liveactivity.storage.sql.pages import PAGE, SessionPages
from flask_allmine_liveactivity.storage.sql.registering import Registrations, delete_sessions
from flask_allmine_liveactivity.storage.sql.repairing import (
    Mend,
    left_behind,
    left_out,
    let_go,
    take_in,
)
from flask_allmine_liveactivity.storage.sql.reviving import (
    begin_anew,
    forget_refusals,
    refused_after,
    waiting_since_before,
)
from flask_allmine_liveactivity.storage.sql.rows import rows_of_user, session_of, with_claims
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions
from flask_allmine_liveactivity.storage.sql.transactions import Transactions


class SQLSessions(Sessions):
    """Sessions, a row each, and one more for each that is active.

    Args:
        transactions: On the database.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._database = transactions.database
        self._registrations = Registrations(transactions)
        self._batches = Batches(self._database)
        self._pages = SessionPages(self._database)
        self._write = transactions.write
        self._read = transactions.read
        self._change = transactions.change

    def register(
        self, session: Session, resolve: Resolve, *, at_most: int | None = None
    ) -> Resolution:
        return self._registrations.register(session, resolve, at_most)

    def count_of_user(self, user_id: str) -> int:
        return int(self._read(rows_of_user(user_id))[0][0])

    def page(
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
        round_robin: bool = False,
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
                round_robin=round_robin,
            )
            sessions_of_it = self._write(work, durable=False)
            claimed += sessions_of_it
            if len(sessions_of_it) < portion:
                break
        return claimed

    def claim_each(
        self,
        these: Sequence[StreamEvent],
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
    ) -> list[Session]:
        work = partial(
            self._pages.claim,
            claim_id=claim_id,
            limit=limit,
            now=now,
            leased_until=leased_until,
        )
        updates = [event for event in these if event.is_update]
        ends = [event for event in these if not event.is_update]
        return [
            session
            for some, round_robin in ((ends, False), (updates, True))
            for begin in range(0, len(some), PAGE)
            for session in self._write(
                partial(work, events=some[begin : begin + PAGE], round_robin=round_robin),
                durable=False,
            )
        ]

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

    def next_due(self, stream_id: str, revision: int, *, round_robin: bool = False) -> float | None:
        pending = untold(stream_id, revision, round_robin=round_robin)
        if round_robin:
            # Of an expression: by the index of `due_at` alone those who have been told come first.
            at = case((NOT_LEASED, active_sessions.c.due_at), else_=active_sessions.c.leased_until)
            earliest = self._read(select(func.min(at)).where(*pending))[0][0]
            return None if earliest is None else float(earliest)
        by_due_at = (
            select(active_sessions.c.due_at, active_sessions.c.leased_until)
            # As all are; but SQLite sorts an audience by another index where this is not said.
            .where(*pending, active_sessions.c.due_at <= NEVER)
            .order_by(active_sessions.c.due_at)
            .limit(1)
        )
        first = self._read(by_due_at)
        if not first or not first[0].leased_until:
            return float(first[0].due_at) if first else None
        # Those before the first free one are all in somebody's hands: they are few.
        free = self._read(by_due_at.where(NOT_LEASED))
        leased = select(func.min(active_sessions.c.leased_until)).where(*pending, not_(NOT_LEASED))
        if free:
            leased = leased.where(active_sessions.c.due_at < free[0].due_at)
        times = [row[0] for row in (*free, *self._read(leased)) if row[0] is not None]
        return float(min(times)) if times else None

    def next_due_of_each(self, these: Sequence[StreamEvent]) -> dict[str, float]:
        # Most are told whole: who has nobody pending is found for all in one statement.
        behind = {row[0] for row in self._read(self._pages.behind(these))}
        return super().next_due_of_each([event for event in these if event.stream_id in behind])

    def forget_refusals(self, these: Sequence[StreamEvent], now: float) -> int:
        forgotten_ones, portion = 0, self._database.at_once
        for revision, streams in by_revision(these).items():
            waiting = waiting_since_before(self._database, streams, revision, now).limit(portion)
            while True:
                found = self._write(
                    partial(forget_refusals, database=self._database, waiting=waiting)
                )
                forgotten_ones += found
                if found < portion:
                    break
        return forgotten_ones

    # --- what people ask for -----------------------------------------------------------------

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        # In portions, between which phones register and others deliver.
        portion = self._database.at_once
        revived: Counter[str] = Counter()
        after = ""
        while True:
            found = self._read(refused_after(after, stream_id, now).limit(portion))
            ids = [row[0] for row in found]
            if ids:
                revive = partial(begin_anew, database=self._database, ids=ids, now=now)
                revived.update(self._write(revive))
            if len(ids) < portion:
                return dict(revived)
            after = ids[-1]

    def release(self, user_id: str, device_id: str) -> int:
        return self._change(
            update(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.device_id == device_id, ACTIVE)
            .values(disowned(sessions.c.session_id))
        )

    def forget_user(self, user_id: str) -> int:
        orphaned = (
            update(sessions)
            .where(sessions.c.user_id == user_id, ACTIVE)
            .values(forgotten(sessions.c.session_id))
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
        return sum(map(self._purge, (expired, ownerless)))

    def _purge(self, over: ColumnElement[bool]) -> int:
        # In portions, between which phones register.
        portion = self._database.at_once
        chosen = select(sessions.c.session_id).where(over).limit(portion)
        gone = 0
        while True:
            deleted = self._write(partial(self._delete_chosen, chosen=chosen), durable=False)
            gone += deleted
            if deleted < portion:
                return gone

    def repair(self) -> int:
        return self._repair(left_out, take_in) + self._repair(left_behind, let_go)

    def _repair(self, wrong: Callable[[str], Select[Any]], mend: Mend) -> int:
        mended, after = 0, ""
        while ids := [row[0] for row in self._read(wrong(after))]:
            mended += self._write(partial(mend, database=self._database, ids=ids))
            after = ids[-1]
        return mended

    def _delete_chosen(self, connection: Connection, chosen: Select[Any]) -> int:
        self._database.before_locking(connection)
        ids = connection.scalars(chosen.with_for_update()).all()
        delete_sessions(connection, self._database, ids)
        return len(ids)
