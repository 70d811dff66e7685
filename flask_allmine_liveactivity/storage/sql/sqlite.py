"""SQLite's manners."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Select,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import ReturningInsert

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql.active_rows import enter
from flask_allmine_liveactivity.storage.sql.connections import connected
from flask_allmine_liveactivity.storage.sql.database import (
    THESE,
    Changing,
    Database,
    as_text,
    claims,
)
from flask_allmine_liveactivity.storage.sql.rows import if_there_is_room, session_row
from flask_allmine_liveactivity.storage.sql.tables import sessions
from flask_allmine_liveactivity.storage.sql.turns import PATIENCE, Turns

# How long SQLite waits for another writer, in seconds.
BUSY_TIMEOUT = 15.0
# A turn is waited for so long where a host's engine waits less for other processes, in seconds.
LEAST_WAIT = 5.0
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
    # Who writes takes a turn, and so nobody else is under way.
    commits_by_itself = False
    # It is begun by ourselves, for pysqlite begins one too late.
    isolation_level = "AUTOCOMMIT"
    under_way = 0

    def __init__(self) -> None:
        self._turns = Turns(BUSY_TIMEOUT)
        self._batches = itertools.count(1)

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        came = time.monotonic()
        with contextlib.ExitStack() as turn:
            turn.enter_context(self._turns.turn(first=durable))
            with connected(engine, self.isolation_level) as connection:
                driver: Any = connection.connection.driver_connection
                connection.begin()  # now, so that it is not in our way later:
                if driver.in_transaction:  # an event listener of the host's engine has begun one
                    connection.exec_driver_sql("ROLLBACK")
                with (
                    self._having_waited(time.monotonic() - came, connection),
                    contextlib.nullcontext() if durable else self._relaxed(connection),
                ):
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    try:
                        yield connection
                        connection.exec_driver_sql("COMMIT")
                    except BaseException:
                        if not connection.invalidated and driver.in_transaction:
                            connection.exec_driver_sql("ROLLBACK")
                        raise
                if not durable and next(self._batches) % CHECKPOINT_EVERY == 0:
                    turn.close()
                    self._checkpoint(connection)

    @contextlib.contextmanager
    def _having_waited(self, seconds: float, connection: Connection) -> Iterator[None]:
        """What somebody has waited for a turn is a part of what SQLite would wait."""
        driver: Any = connection.connection.driver_connection
        (timeout,) = driver.execute("PRAGMA busy_timeout").fetchone()
        self._turns.longest = max(timeout / 1000, LEAST_WAIT)
        if seconds < PATIENCE:
            yield
            return
        driver.execute(f"PRAGMA busy_timeout={max(0, timeout - int(seconds * 1000))}")
        try:
            yield
        finally:
            if not connection.invalidated:
                driver.execute(f"PRAGMA busy_timeout={timeout}")

    @contextlib.contextmanager
    def transaction_of(self, engine: Engine, *, user_id: str) -> Iterator[Connection]:
        # There is one writer at a time, whoever it is.
        with self.transaction(engine) as connection:
            yield connection

    @contextlib.contextmanager
    def preparing(self, engine: Engine) -> Iterator[Connection]:
        with self.transaction(engine) as connection:
            yield connection

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
            if not connection.invalidated:
                connection.exec_driver_sql(f"PRAGMA synchronous={level}")

    def is_passing(self, error: DBAPIError) -> bool:
        return False

    def is_useless(self, error: BaseException) -> bool:
        # A file that could not be opened for writing was opened for reading, and so was its log,
        # which all connections of the process share for as long as one of them is open.
        return "readonly" in str(error)

    def is_of_another_schema(self, error: DBAPIError) -> bool:
        said = str(error.orig)
        return any(lack in said for lack in ("no such table", "no such column", "no column named"))

    def remedy(self, error: DBAPIError) -> str:
        if "locked" not in str(error.orig):
            return ""
        return (
            " Another connection held SQLite's write lock for too long. If it is a transaction of "
            "your own on the same file, commit it before you call this."
        )

    def is_there(self, url: URL) -> bool:
        return Path(str(url.database)).exists()

    def require_every_character(self, connection: Connection) -> None:
        """It has no other than UTF-8 and UTF-16."""

    def _insert(self, connection: Connection, session: Session, fewer_than: int | None) -> bool:
        row = session_row(session)
        if fewer_than is not None:
            row["fewer_than"] = fewer_than
        statement = _insert_on_sqlite(bounded=fewer_than is not None)
        inserted = connection.execute(statement, row).first()
        if inserted is not None:
            enter(connection, session)
        return inserted is not None

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None, name: str = THESE
    ) -> ColumnElement[bool]:
        one_by_one = func.json_each(as_text(values, name)).table_valued("value")
        return column.in_(select(one_by_one.c.value))

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        # By rowid, which is where the rows are: their ids would be looked up in one more index.
        chosen: Select[Any] = claimable.with_only_columns(
            literal_column("rowid"), maintain_column_froms=True
        )
        return claims(literal_column("rowid").in_(chosen), taken)


@cache
def _insert_on_sqlite(*, bounded: bool) -> ReturningInsert[Any]:
    inserted = sqlite.insert(sessions)
    if bounded:
        inserted = inserted.from_select(sessions.c.keys(), if_there_is_room())
    return inserted.on_conflict_do_nothing().returning(sessions.c.session_id)


def make_the_folder(engine: Engine, file: Path) -> None:
    """Let an engine of our own make its file's folder when it connects, and not before."""

    def connecting(*_: object) -> None:
        with contextlib.suppress(OSError):  # SQLite says that it cannot open the file
            file.parent.mkdir(parents=True, exist_ok=True)

    event.listen(engine, "do_connect", connecting)


def notice_a_deleted_file(engine: Engine, file: Path) -> None:
    """Let an engine of our own open the file anew where it was deleted, or another took its place.

    What is open would be written on, without a name, and other processes would see another file.
    """

    def opened(_driver_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    def used_again(_driver_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != _identity(file):
            raise InvalidatePoolError("the file was deleted")

    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", used_again)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_durably(driver_connection: Any, _record: object = None) -> None:
    """Set up a connection to a SQLite file of our own.

    Write-ahead logging lets readers and one writer go on side by side; FULL keeps what was
    acknowledged also when the machine loses power.
    """
    try:
        with contextlib.closing(driver_connection.cursor()) as cursor:
            _set_up(cursor)
    except BaseException:
        # Nobody else closes it, and while it is open others are as it is: see ``is_useless``.
        driver_connection.close()
        raise


def _set_up(cursor: Any) -> None:
    cursor.execute("PRAGMA synchronous=FULL")
    # What a claim returns is gathered in memory, not in a temporary file.
    cursor.execute("PRAGMA temp_store=MEMORY")
    # A fan-out sees to it itself, long before.
    cursor.execute(f"PRAGMA wal_autocheckpoint={LONGEST_LOG}")
    cursor.execute(f"PRAGMA cache_size=-{CACHE}")
    # The switch to WAL needs the file for itself and does not wait for it, unlike a write.
    deadline = time.monotonic() + cursor.execute("PRAGMA busy_timeout").fetchone()[0] / 1000
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
