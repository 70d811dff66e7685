"""Another client of the database, which locks the rows that a fan-out is at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError

from flask_allmine_liveactivity.storage.sql import active_sessions, events, sessions

from .audience import STREAM, until

# How long a rival holds one row until somebody waits for it, in seconds.
HOLDS = 3.0
# These many of the rows at work are in flight, and settled soon.
SOON = 30

# Who waits at all, in MariaDB: what it says of who waits for whom is a tenth of a second old, and
# no newer while it is asked more often than that.
_SOMEBODY_WAITS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database()",
    "mysql": "SELECT variable_value FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_row_lock_current_waits'",
}
_DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mysql": "SELECT variable_value FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_deadlocks'",
}
# What makes the database choose the other one as the victim.
_STRONGER = {
    "postgresql": "SET LOCAL deadlock_timeout = '10s'",
    "mysql": "INSERT INTO ballast SELECT seq FROM seq_1_to_20000",
}


class Rival:
    """Locks rows in the order opposite to the fan-out's, or holds them.

    Args:
        uri: Of the fan-out's database.
    """

    def __init__(self, uri: str) -> None:
        self._engine: Engine = create_engine(uri, isolation_level="READ COMMITTED")
        self._dialect = self._engine.dialect.name
        self.was_victim = 0
        if self._dialect == "mysql":
            with self._engine.begin() as connection:
                connection.execute(text("CREATE TABLE ballast (number INT) ENGINE=InnoDB"))

    def deadlock(self) -> None:
        """Hold one of the rows at work until somebody waits for it, then ask for those before."""
        try:
            with self._engine.begin() as connection:
                ids = self._at_work(connection)[:SOON]
                if len(ids) < 2:
                    return
                connection.execute(text(_STRONGER[self._dialect]))
                self._lock(connection, ids[-1:])
                if until(self._somebody_waits, HOLDS):
                    self._lock(connection, ids[:-1])
        except DBAPIError:
            self.was_victim += 1

    @property
    def others_were_victims(self) -> int:
        """How many deadlocks the server has counted that others than this were the victims of."""
        with self._engine.connect() as connection:
            counted = connection.scalar(text(_DEADLOCKS[self._dialect]))
        return int(counted) - self.was_victim

    @contextlib.contextmanager
    def holding_rows_and_event(self, rows: int) -> Iterator[None]:
        """Lock so many of the rows at work, as many that are still to come, and the event."""
        with self._engine.begin() as connection:
            to_come = select(active_sessions.c.session_id).where(
                active_sessions.c.stream_id == STREAM, active_sessions.c.claim_id.is_(None)
            )
            ids = [
                *self._at_work(connection)[:rows],
                *connection.scalars(to_come.limit(rows)).all(),
            ]
            self._lock(connection, ids)
            event = select(events).where(events.c.stream_id == STREAM).with_for_update()
            assert connection.execute(event).one()
            yield

    def _at_work(self, connection: Connection) -> list[str]:
        """In the order in which a settlement comes to them."""
        claimed = (
            select(sessions.c.session_id)
            .join(active_sessions, active_sessions.c.session_id == sessions.c.session_id)
            .where(sessions.c.stream_id == STREAM, active_sessions.c.claim_id.is_not(None))
        )
        return list(connection.scalars(claimed.order_by(sessions.c.token)).all())

    def _lock(self, connection: Connection, ids: list[str]) -> None:
        for table in (sessions, active_sessions):
            statement = select(table.c.session_id).where(table.c.session_id.in_(ids))
            connection.execute(statement.with_for_update()).all()

    def _somebody_waits(self) -> bool:
        with self._engine.connect() as other:
            return bool(int(other.scalar(text(_SOMEBODY_WAITS[self._dialect]))))

    def close(self) -> None:
        self._engine.dispose()


@contextlib.contextmanager
def a_rival(uri: str) -> Iterator[Rival]:
    rival = Rival(uri)
    with contextlib.closing(rival):
        yield rival
