"""MariaDB's manners."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Insert,
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
from flask_allmine_liveactivity.storage.sql.active_rows import enter
from flask_allmine_liveactivity.storage.sql.database import (
    ALTER_TIMEOUT,
    MAY_NOT,
    READ_ONLY,
    THESE,
    Changing,
    Database,
    lock_number,
)
from flask_allmine_liveactivity.storage.sql.rows import if_there_is_room, session_row
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

# How long ``prepare()`` waits for another process that is preparing, in seconds.
PREPARE_TIMEOUT = 60

# How long a registration waits for others of the same user, in seconds.
TURN_TIMEOUT = 15


class MariaDB(Database):
    """Without ``UPDATE ... RETURNING``, and with deadlocks that are part of the day."""

    # ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT, ER_CHECKREAD ("record has changed")
    _PASSING = frozenset({1213, 1205, 1020})
    _DUPLICATE = 1062
    # ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR
    _NOT_THERE = frozenset({1146, 1054})
    # ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR
    _DENIED = frozenset({1044, 1142})
    # ER_OPTION_PREVENTS_STATEMENT (--read-only), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
    # ER_READ_ONLY_MODE
    _READ_ONLY = frozenset({1290, 1792, 1836})
    # And: a node that has left its cluster, a server that shuts down, one that has killed the
    # connection (as MariaDB says it), is offline for maintenance, or ends who was idle.
    _USELESS = _READ_ONLY | {1047, 1053, 1927, 3032, 4031}

    # It would have to be told, and told again afterwards.
    commits_by_itself = False

    @contextlib.contextmanager
    def transaction_of(self, engine: Engine, *, user_id: str) -> Iterator[Connection]:
        name = f"live_activity.{lock_number(user_id)}"
        with (
            engine.connect() as connection,
            self._lock(connection, name, TURN_TIMEOUT, "other registrations of the same user were"),
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def preparing(self, engine: Engine) -> Iterator[Connection]:
        name, others = "flask_allmine_liveactivity.prepare", "another process that prepares was"
        wait = text("SET SESSION lock_wait_timeout = :seconds")
        with (
            engine.connect() as connection,
            self._lock(connection, name, PREPARE_TIMEOUT, others),
        ):
            with connection.begin():
                before = connection.scalar(text("SELECT @@SESSION.lock_wait_timeout"))
                connection.execute(wait, {"seconds": ALTER_TIMEOUT})
            try:
                with connection.begin():
                    yield connection
            finally:
                if not connection.invalidated:
                    with connection.begin():
                        connection.execute(wait, {"seconds": before})

    @contextlib.contextmanager
    def _lock(self, connection: Connection, name: str, seconds: int, others: str) -> Iterator[None]:
        """Hold a lock. It is the connection's, not the transaction's: it is given back after the
        commit."""
        lock = {"name": name, "seconds": seconds}
        with connection.begin():
            got = connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), lock)
        if not got:
            raise TimeoutError(f"{others} in the way")
        try:
            yield
        finally:
            self._give_back(connection, lock)

    def _give_back(self, connection: Connection, lock: Mapping[str, Any]) -> None:
        try:
            with connection.begin():
                connection.execute(text("DO RELEASE_LOCK(:name)"), lock)
        except DBAPIError:
            # The server takes it back where the connection ends.
            connection.invalidate()

    def before_locking(self, connection: Connection, **settings: str) -> None:
        """It is told once, when it is connected to (``patience``); and of the disk only as a whole
        (innodb_flush_log_at_trx_commit)."""

    def is_passing(self, error: DBAPIError) -> bool:
        return isinstance(error, OperationalError) and _mysql_code(error.orig) in self._PASSING

    def is_useless(self, error: BaseException) -> bool:
        return _mysql_code(error) in self._USELESS

    def is_of_another_schema(self, error: DBAPIError) -> bool:
        return _mysql_code(error.orig) in self._NOT_THERE

    def remedy(self, error: DBAPIError) -> str:
        code = _mysql_code(error.orig)
        if code in self._DENIED:
            return MAY_NOT
        return READ_ONLY if code in self._READ_ONLY else ""

    def require_every_character(self, connection: Connection) -> None:
        """Ids are bytes there, whatever the database's character set."""

    def _insert(self, connection: Connection, session: Session, fewer_than: int | None) -> bool:
        # Neither IGNORE, which swallows other errors too, nor ON DUPLICATE KEY UPDATE, which
        # fires on any unique key and would give one user's row to another.
        try:
            if fewer_than is None:
                connection.execute(insert(sessions), session_row(session))
            else:
                row = {**session_row(session), "fewer_than": fewer_than}
                if connection.execute(_insert_if_there_is_room(), row).rowcount == 0:
                    return False
        except IntegrityError as error:
            if _mysql_code(error.orig) != self._DUPLICATE:
                raise
            return False
        enter(connection, session)
        return True

    def updating(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> Changing:
        chosen = select(sessions.c.session_id).where(where).with_for_update()
        changed = update(sessions).where(self.among(sessions.c.session_id)).values(values)
        return self._changing(chosen, changed)

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None, name: str = THESE
    ) -> ColumnElement[bool]:
        return column.in_(bindparam(name, expanding=True) if values is None else values)

    def these(self, values: Sequence[str], name: str = THESE) -> dict[str, Any]:
        return {name: values}

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        chosen = claimable.with_for_update(skip_locked=True)
        changed = (
            update(active_sessions).where(self.among(active_sessions.c.session_id)).values(taken)
        )
        return self._changing(chosen, changed)

    def _changing(self, chosen: Select[Any], changed: Update) -> Changing:
        def change(connection: Connection, given: Mapping[str, Any]) -> Sequence[str]:
            ids = connection.scalars(chosen, given).all()
            if ids:
                connection.execute(changed, {**given, **self.these(ids)})
            return ids

        return change


@cache
def _insert_if_there_is_room() -> Insert:
    return insert(sessions).from_select(sessions.c.keys(), if_there_is_room())


def _mysql_code(error: BaseException | None) -> int | None:
    arguments = getattr(error, "args", ())
    return arguments[0] if arguments else None
