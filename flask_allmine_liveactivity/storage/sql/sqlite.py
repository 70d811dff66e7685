"""SQLite's manners."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningInsert

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql.database import Changing, Database, as_text, claims
from flask_allmine_liveactivity.storage.sql.rows import session_row
from flask_allmine_liveactivity.storage.sql.tables import metadata, sessions
from flask_allmine_liveactivity.storage.sql.turns import Turns
from flask_allmine_liveactivity.storage.sql.waiting import enter

# How long SQLite waits for another writer, in seconds.
BUSY_TIMEOUT = 15.0
# What a SQLite connection may keep of the file in memory, in KiB.
CACHE = 4 * 1024
# After so many batches a fan-out has what it wrote copied from the log to the file: seldom, for
# pages that are written again and again are copied less often.
CHECKPOINT_EVERY = 40
# How long the log may become where nobody delivers, in pages of 4 KiB.
LONGEST_LOG = 16_000


class SQLite(Database):
    """One writer at a time, who says so at once: a transaction that reads first and writes later
    fails without waiting when another has written in between."""

    # The one lock is held for a few milliseconds, and phones register in between.
    at_once = 250
    # Who writes takes a turn.
    commits_by_itself = False

    def __init__(self) -> None:
        self._turns = Turns(BUSY_TIMEOUT)
        self._batches = itertools.count(1)

    def adopt(self, engine: Engine) -> Engine:
        return engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        with contextlib.ExitStack() as turn:
            turn.enter_context(self._turns.turn(first=durable))
            with engine.connect() as connection:
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
                if not durable and next(self._batches) % CHECKPOINT_EVERY == 0:
                    turn.close()
                    self._checkpoint(connection)

    def _checkpoint(self, connection: Connection) -> None:
        """Copy what the log has gathered to the file, while others write on.

        Left to itself SQLite does it at the end of a write, and who comes next waits for all of it.
        """
        # What stands in its way stands in the next write's, too, which will say so.
        with contextlib.suppress(DBAPIError):
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

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
        one_by_one = func.json_each(as_text(values)).table_valued("value")
        return column.in_(select(one_by_one.c.value))

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        # By rowid, which is where the rows are: their ids would be looked up in one more index.
        chosen: Select[Any] = claimable.with_only_columns(
            literal_column("rowid"), maintain_column_froms=True
        )
        return claims(literal_column("rowid").in_(chosen), taken)


@cache
def _insert_on_sqlite() -> ReturningInsert[Any]:
    return sqlite.insert(sessions).on_conflict_do_nothing().returning(sessions.c.session_id)


def open_durably(driver_connection: Any, _record: object = None) -> None:
    """Set up a connection to a SQLite file of our own.

    Write-ahead logging lets readers and one writer go on side by side; FULL keeps what was
    acknowledged also when the machine loses power.
    """
    cursor = driver_connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    # What a claim returns is gathered in memory, not in a temporary file.
    cursor.execute("PRAGMA temp_store=MEMORY")
    # A fan-out sees to it itself, long before.
    cursor.execute(f"PRAGMA wal_autocheckpoint={LONGEST_LOG}")
    cursor.execute(f"PRAGMA cache_size=-{CACHE}")
    # The switch to WAL needs the file for itself and does not wait for it, unlike a write.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    cursor.close()
