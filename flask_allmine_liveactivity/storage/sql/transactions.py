"""Running transactions: prepared before the first, again after a deadlock, errors as ours."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.storage.sql.dialects import DATABASES
from flask_allmine_liveactivity.storage.sql.forks import ClosedBeforeForks

# How often a transaction is run again that another one has got in the way of.
ATTEMPTS = 12

T = TypeVar("T")


class Transactions:
    """Transactions on an engine, in the manner of its database.

    Args:
        engine: The host's, which stays as it is.
        owned: Whether ``close()`` disposes of the engine.

    Raises:
        ConfigurationError: The engine's database is not one that is supported.
    """

    def __init__(self, engine: Engine, *, owned: bool) -> None:
        database = DATABASES.get(engine.dialect.name)
        if database is None:
            raise ConfigurationError(
                f"SQLStorage cannot use {engine.dialect.name!r}: give it an engine for SQLite, "
                "PostgreSQL or MariaDB, or write a Storage of your own."
            )
        self.database = database()
        self.engine = self.database.adopt(engine)
        # An error that reaches a log must not carry the tokens among its parameters.
        self.engine.hide_parameters = True
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._owned = engine if owned else None
        self._in_use: AbstractContextManager[None] = (
            ClosedBeforeForks(engine)
            if owned and engine.dialect.name == "sqlite"
            else nullcontext()
        )
        self._prepared = False
        self._preparing = threading.Lock()

    def prepare(self) -> None:
        """Make the tables, once for this object."""
        with self._preparing:
            if not self._prepared:
                self._run(self.database.create_tables)
                self._prepared = True

    def close(self) -> None:
        """Dispose of the engine, if it is ours."""
        if self._owned is not None:
            self._owned.dispose()

    def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction; it may be run more than once."""
        if not self._prepared:
            self.prepare()
        return self._run(work, durable=durable)

    def _run(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction, again when it fell to a deadlock or a duplicate."""
        return self._again(partial(self.database.transaction, durable=durable), work)

    def read(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one statement."""
        if not self._prepared:
            self.prepare()
        return self._again(
            self.database.reading, lambda connection: connection.execute(statement).all()
        )

    def _again(
        self,
        connected: Callable[[Engine], AbstractContextManager[Connection]],
        work: Callable[[Connection], T],
    ) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._in_use, connected(self.engine) as connection:
                    return work(connection)
            except (DBAPIError, self._driver_error, PoolTimeout, TimeoutError) as error:
                if not self._is_passing(error, attempt) or attempt == ATTEMPTS:
                    if self._owned and self.database.stays_so(error):
                        # The same pool goes on: what others still hold comes back to it, and is
                        # closed the next time.
                        self._owned.pool.dispose()
                    raise self._unavailable(error) from None
            time.sleep(random.uniform(0, 0.002 * 2**attempt))
        raise AssertionError("unreachable")

    def _is_passing(self, error: Exception, attempt: int) -> bool:
        if isinstance(error, DBAPIError) and not error.connection_invalidated:
            return isinstance(error, IntegrityError) or self.database.is_passing(error)
        # The server has closed a connection that waited in the pool; the next one is new. Setting
        # the isolation level is what finds it on MariaDB, and SQLAlchemy does not wrap that error.
        return isinstance(error, (DBAPIError, self._driver_error)) and attempt == 1

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        # Only the driver's first line: what follows it quotes values, and they may be tokens.
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        first_line = (str(cause).splitlines() or [""])[0]
        remedy = self.database.remedy(error) if isinstance(error, DBAPIError) else ""
        if isinstance(error, IntegrityError):
            first_line = "other writers were in the way each time"
        return StorageUnavailable(
            f"The SQL storage did not answer ({type(cause).__name__}: {first_line}).{remedy}"
        )

    def write_once(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which executes one statement or one ``insert_unless_taken``; it may be run
        more than once."""
        if not self._prepared:
            self.prepare()
        return self._again(self.database.writing_once, work)

    def change(self, statement: Executable) -> int:
        """Run one writing statement; returns how many rows it met."""

        def work(connection: Connection) -> int:
            result = connection.execute(statement)
            return result.rowcount if isinstance(result, CursorResult) else 0

        return self.write_once(work)
