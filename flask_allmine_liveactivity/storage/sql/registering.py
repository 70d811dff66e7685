"""A registration is decided and written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, delete, or_, select

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.resolution import (
    FULL,
    OVER,
    Resolution,
    Resolve,
    rows_more,
    rows_too_many,
)
from flask_allmine_liveactivity.storage.sql.active_rows import leave
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.rows import (
    ids_of_user,
    lock_those_met_by,
    write_resolution,
)
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions
from flask_allmine_liveactivity.storage.sql.transactions import Transactions


class Registrations:
    """Registers sessions.

    Args:
        transactions: On the database.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._database = transactions.database

    def register(self, session: Session, resolve: Resolve, at_most: int | None) -> Resolution:
        """As ``Sessions.register``."""
        user_id = session.user_id
        bound = None if user_id is None else at_most
        # Most registrations meet nobody: an insert decides those.
        fresh = resolve([])
        if fresh.write is not None and self._transactions.write_once(
            partial(self._database.insert_unless_taken, session=fresh.write, at_most=bound)
        ):
            return fresh

        def work(connection: Connection) -> Resolution | None:
            self._database.before_locking(connection)
            met = lock_those_met_by(connection, session)
            resolution = resolve(met)
            if resolution.outcome.is_stored:
                if bound is not None and rows_more(resolution, met, user_id or "") > 0:
                    return None
                write_resolution(connection, resolution, met)
            return resolution

        resolution = self._transactions.write(work)
        if resolution is None:
            return self._register_one_more(session, resolve, user_id or "", bound or 0)
        return resolution

    def _register_one_more(
        self, session: Session, resolve: Resolve, user_id: str, at_most: int
    ) -> Resolution:
        """One registration of this user after the other, so that each sees the others' rows."""

        def work(connection: Connection) -> Resolution:
            met = lock_those_met_by(connection, session)
            resolution = resolve(met)
            if not resolution.outcome.is_stored:
                return resolution
            if rows_more(resolution, met, user_id) > 0:
                # Locked, to wait for those that are not committed yet.
                there = connection.scalars(ids_of_user(user_id).with_for_update()).all()
                too_many = rows_too_many(resolution, met, user_id, len(there), at_most)
                making_way = self._oldest_finished(
                    connection, user_id, too_many, session.registered_at
                )
                if len(making_way) < too_many:
                    return FULL
                delete_sessions(connection, self._database, making_way)
            write_resolution(connection, resolution, met)
            return resolution

        return self._transactions.write_as_one_of(user_id, work)

    def _oldest_finished(
        self, connection: Connection, user_id: str, rows: int, now: float
    ) -> Sequence[str]:
        if rows <= 0:
            return []
        oldest = (
            select(sessions.c.session_id)
            .where(
                sessions.c.user_id == user_id,
                or_(
                    sessions.c.status.in_([status.value for status in OVER]),
                    sessions.c.expires_at <= now,
                ),
            )
            .order_by(sessions.c.registered_at)
            .limit(rows)
        )
        return connection.scalars(oldest.with_for_update()).all()


def delete_sessions(connection: Connection, database: Database, ids: Sequence[str]) -> None:
    """Delete sessions, and their rows among the active ones."""
    if ids:
        connection.execute(delete(sessions).where(database.among(sessions.c.session_id, ids)))
        leave(connection, database.among(active_sessions.c.session_id, ids))
