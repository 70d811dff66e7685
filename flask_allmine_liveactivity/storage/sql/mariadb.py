"""MariaDB's manners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql.database import THESE, Changing, Database
from flask_allmine_liveactivity.storage.sql.rows import session_row
from flask_allmine_liveactivity.storage.sql.tables import metadata, sessions, waiting
from flask_allmine_liveactivity.storage.sql.waiting import enter

# How long prepare() waits for another process that is preparing, in seconds.
PREPARE_TIMEOUT = 60


class MariaDB(Database):
    """Without ``UPDATE ... RETURNING``, and with deadlocks that are part of the day."""

    # ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT, ER_CHECKREAD ("record has changed")
    _PASSING = frozenset({1213, 1205, 1020})
    _DUPLICATE = 1062

    # It would have to be told, and told again afterwards.
    commits_by_itself = False

    def before_locking(self, connection: Connection, **settings: str) -> None:
        """It is told once, when it is connected to (``patience``); and of the disk only as a whole
        (innodb_flush_log_at_trx_commit)."""

    def is_passing(self, error: DBAPIError) -> bool:
        return isinstance(error, OperationalError) and _mysql_code(error) in self._PASSING

    def create_tables(self, connection: Connection) -> None:
        name = "flask_allmine_liveactivity.prepare"
        got = connection.scalar(
            text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": PREPARE_TIMEOUT}
        )
        if not got:
            raise TimeoutError("another process has been preparing the tables for a minute")
        try:
            metadata.create_all(connection)
        finally:
            connection.execute(text("DO RELEASE_LOCK(:name)"), {"name": name})

    def insert_unless_taken(self, connection: Connection, session: Session) -> bool:
        # Neither IGNORE, which swallows other errors too, nor ON DUPLICATE KEY UPDATE, which
        # fires on any unique key and would give one user's row to another.
        try:
            connection.execute(insert(sessions), session_row(session))
        except IntegrityError as error:
            if _mysql_code(error) != self._DUPLICATE:
                raise
            return False
        enter(connection, session)
        return True

    def updating(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> Changing:
        chosen = select(sessions.c.session_id).where(where).with_for_update()
        changed = update(sessions).where(self.among(sessions.c.session_id)).values(values)
        return self._changing(chosen, changed)

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None
    ) -> ColumnElement[bool]:
        return column.in_(bindparam(THESE, expanding=True) if values is None else values)

    def these(self, values: Sequence[str]) -> dict[str, Any]:
        return {THESE: values}

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        chosen = claimable.with_for_update(skip_locked=True)
        changed = update(waiting).where(self.among(waiting.c.session_id)).values(taken)
        return self._changing(chosen, changed)

    def _changing(self, chosen: Select[Any], changed: Update) -> Changing:
        def change(connection: Connection, given: Mapping[str, Any]) -> Sequence[str]:
            ids = connection.scalars(chosen, given).all()
            if ids:
                connection.execute(changed, {**given, **self.these(ids)})
            return ids

        return change


def _mysql_code(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments else None
