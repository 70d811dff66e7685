"""What each database needs said differently: transactions, claims, plain inserts, locks.

One class a database, chosen by SQLAlchemy's dialect name. Each rule here was learned by trying.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.sql.dml import ReturningInsert

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql import patience
from flask_allmine_liveactivity.storage.sql.rows import session_row, sessions_own
from flask_allmine_liveactivity.storage.sql.tables import metadata, sessions, waiting
from flask_allmine_liveactivity.storage.sql.turns import Turns
from flask_allmine_liveactivity.storage.sql.waiting import enter, waiting_row

# How long SQLite waits for another writer, in seconds.
SQLITE_BUSY_TIMEOUT = 15.0
# What a SQLite connection may keep of the file in memory, in KiB.
SQLITE_CACHE = 4 * 1024
# How long prepare() waits for another process that is preparing, in seconds.
PREPARE_TIMEOUT = 60
# The parameter that many values are given by.
THESE = "these"

Changing = Callable[[Connection, Mapping[str, Any]], Sequence[str]]
"""Executes what was built with these parameters, and returns the ids of the rows it has changed."""


class Database:
    """PostgreSQL, and the manners that all share."""

    at_once = 10_000
    """How many sessions are claimed or settled in one transaction, at most."""

    def adopt(self, engine: Engine) -> Engine:
        """An engine of our own manners over the host's pool; the host's engine is not changed.

        READ COMMITTED: on a higher level an earlier read would hide what others have committed.
        """
        return engine.execution_options(isolation_level="READ COMMITTED")

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction to write in.

        Not `durable`: a commit need not have reached the disk. Right for what a crash of the
        machine may undo: a claim or settlement that is lost means a push sent twice, no more.
        """
        with engine.begin() as connection:
            if not durable:
                self.before_locking(connection, synchronous_commit="off")
            yield connection

    def before_locking(self, connection: Connection, **settings: str) -> None:
        """Say how long the server waits for us while we hold locks, and other settings.

        For a transaction of more than one statement; for this one alone, since a pooler may give
        the connection to somebody else afterwards.
        """
        settings["idle_in_transaction_session_timeout"] = f"{patience.WAITS_FOR_US}s"
        connection.execute(
            select(*(func.set_config(name, value, True) for name, value in settings.items()))
        )

    @contextlib.contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A connection to read from, one statement at a time."""
        with engine.connect() as connection:
            yield connection

    def is_passing(self, error: DBAPIError) -> bool:
        """Whether the same transaction may succeed when it is run again at once."""
        # serialization_failure, deadlock_detected
        return getattr(error.orig, "sqlstate", None) in ("40001", "40P01")

    def stays_so(self, error: Exception) -> bool:
        """Whether the connections that there are would go on to fail when all is well again."""
        return False

    def remedy(self, error: DBAPIError) -> str:
        """What a reader of the error may not know."""
        return ""

    def create_tables(self, connection: Connection) -> None:
        """``create_all`` under a lock: processes that race for it each find the tables."""
        connection.execute(text("SELECT pg_advisory_xact_lock(7413269204511)"))
        metadata.create_all(connection)

    def insert_unless_taken(self, connection: Connection, session: Session) -> bool:
        """Insert a session, or learn that one of its unique values is taken."""
        waits = waiting_row(session)
        statement = _insert_who_waits() if waits else _insert_who_does_not()
        row = {**session_row(session), **(waits or {})}
        # RETURNING says whether; the row count of an INSERT is -1 on PostgreSQL.
        return connection.execute(statement, row).first() is not None

    def updating(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> Changing:
        """Updates sessions."""
        statement = update(sessions).where(where).values(values).returning(sessions.c.session_id)
        return lambda connection, given: connection.scalars(statement, given).all()

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None
    ) -> ColumnElement[bool]:
        """That `column` is one of many `values`, or of those that ``these`` gives when it is
        executed.

        They are passed as one text: a thousand parameters, or an array of them, take the driver
        longer than the database takes to find the rows.
        """
        one_by_one = func.json_array_elements_text(cast(_as_text(values), JSON))
        return column == any_(func.array(select(one_by_one).scalar_subquery()))

    def these(self, values: Sequence[str]) -> dict[str, Any]:
        """The parameter of ``among``."""
        return {THESE: json.dumps(values)}

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        """Updates the waiting rows that `claimable` selects, without waiting for locked ones."""
        # By their place in the table, where they are locked already: their ids would be looked up.
        place: ColumnElement[Any] = literal_column("ctid")
        chosen: Select[Any] = claimable.with_only_columns(place, maintain_column_froms=True)
        locked = func.array(chosen.with_for_update(skip_locked=True).scalar_subquery())
        return _claiming(place == any_(locked), taken)


def _as_text(values: Sequence[str] | None) -> BindParameter[str]:
    return bindparam(THESE, type_=Text) if values is None else literal(json.dumps(values), Text)


def _claiming(where: ColumnElement[bool], taken: Mapping[str, Any]) -> Changing:
    statement = update(waiting).where(where).values(taken).returning(waiting.c.session_id)
    return lambda connection, given: connection.scalars(statement, given).all()


@cache  # To build it anew for each registration takes longer than the server does.
def _insert_who_waits() -> Select[Any]:
    """Into both tables, in one statement: the server never waits for us while it holds locks."""
    values = {
        column.name: bindparam(column.name, type_=column.type)
        for column in (*sessions.c, *waiting.c)
    }
    new = _insert_who_does_not().values(sessions_own(values)).cte("new")
    row = [values[column.name] for column in waiting.c]
    entered = insert(waiting).from_select(waiting.c.keys(), select(*row).select_from(new))
    return select(new.c.session_id).add_cte(entered.cte("entered"))


@cache
def _insert_who_does_not() -> ReturningInsert[Any]:
    return postgresql.insert(sessions).on_conflict_do_nothing().returning(sessions.c.session_id)


class SQLite(Database):
    """One writer at a time, who says so at once: a transaction that reads first and writes later
    fails without waiting when another has written in between."""

    # The one lock is held for a few milliseconds, and phones register in between.
    at_once = 250

    def __init__(self) -> None:
        self._turns = Turns(SQLITE_BUSY_TIMEOUT)

    def adopt(self, engine: Engine) -> Engine:
        return engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        with self._turns.turn(first=durable), engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            connection.begin()  # now, so that it is not in our way later:
            if driver.in_transaction:  # an event listener of the host's engine has begun one
                connection.exec_driver_sql("ROLLBACK")
            with contextlib.nullcontext() if durable else self._relaxed(connection):
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    if driver.in_transaction:
                        connection.exec_driver_sql("ROLLBACK")
                    raise

    def before_locking(self, connection: Connection, **settings: str) -> None:
        """The file's locks end with the process that holds them."""

    @contextlib.contextmanager
    def _relaxed(self, connection: Connection) -> Iterator[None]:
        level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA synchronous={level}")

    def is_passing(self, error: DBAPIError) -> bool:
        return False

    def stays_so(self, error: Exception) -> bool:
        # A file that could not be opened for writing was opened for reading, and so was its log,
        # which all connections of the process share for as long as one of them is open.
        return "readonly" in str(error)

    def remedy(self, error: DBAPIError) -> str:
        if "locked" not in str(error.orig):
            return ""
        return (
            " Another connection held SQLite's write lock for too long. If it is a transaction of "
            "your own on the same file, commit it before you call this."
        )

    def create_tables(self, connection: Connection) -> None:
        metadata.create_all(connection)

    def insert_unless_taken(self, connection: Connection, session: Session) -> bool:
        statement = _insert_on_sqlite()
        inserted = connection.execute(statement, session_row(session)).first()
        if inserted is not None:
            enter(connection, session)
        return inserted is not None

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None
    ) -> ColumnElement[bool]:
        one_by_one = func.json_each(_as_text(values)).table_valued("value")
        return column.in_(select(one_by_one.c.value))

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        # By rowid, which is where the rows are: their ids would be looked up in one more index.
        chosen: Select[Any] = claimable.with_only_columns(
            literal_column("rowid"), maintain_column_froms=True
        )
        return _claiming(literal_column("rowid").in_(chosen), taken)


@cache
def _insert_on_sqlite() -> ReturningInsert[Any]:
    return sqlite.insert(sessions).on_conflict_do_nothing().returning(sessions.c.session_id)


class MariaDB(Database):
    """Without ``UPDATE ... RETURNING``, and with deadlocks that are part of the day."""

    # ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT, ER_CHECKREAD ("record has changed")
    _PASSING = frozenset({1213, 1205, 1020})
    _DUPLICATE = 1062

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


DATABASES: Mapping[str, type[Database]] = {
    "sqlite": SQLite,
    "postgresql": Database,
    "mysql": MariaDB,
    "mariadb": MariaDB,
}


def open_durably(driver_connection: Any, _record: object = None) -> None:
    """Set up a connection to a SQLite file of our own.

    Write-ahead logging lets readers and one writer go on side by side; FULL keeps what was
    acknowledged also when the machine loses power.
    """
    cursor = driver_connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    # What a claim returns is gathered in memory, not in a temporary file.
    cursor.execute("PRAGMA temp_store=MEMORY")
    # Checkpoints copy what is written to the file: fewer of them copy hot pages less often.
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.execute(f"PRAGMA cache_size=-{SQLITE_CACHE}")
    # The switch to WAL needs the file for itself and does not wait for it, unlike a write.
    deadline = time.monotonic() + SQLITE_BUSY_TIMEOUT
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    cursor.close()
