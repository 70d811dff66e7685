"""Running transactions: the tables looked at before the first, again after a deadlock or on a new
connection, errors as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_allmine_liveactivity.errors import (
    ConfigurationError,
    SchemaUnusable,
    StorageUnavailable,
)
from flask_allmine_liveactivity.storage.preparation import Preparation, Prepare, to_be_prepared
from flask_allmine_liveactivity.storage.retries import ATTEMPTS, wait_for_others
from flask_allmine_liveactivity.storage.sql.connections import adopt, objection_to_pool
from flask_allmine_liveactivity.storage.sql.dialects import DATABASES, objection
from flask_allmine_liveactivity.storage.sql.forks import ClosedBeforeForks
from flask_allmine_liveactivity.storage.sql.schema import Schema, look
from flask_allmine_liveactivity.storage.sql.upgrading import upgrade

T = TypeVar("T")


class Transactions:
    """Transactions on an engine, in the manner of its database.

    Args:
        engine: The host's, which stays as it is.
        owned: Whether ``close()`` disposes of the engine.
        prepare: Whether the tables are made and upgraded at first use, or by ``prepare()`` alone.

    Raises:
        ConfigurationError: The engine's database, driver or pool is not one that is supported.
    """

    def __init__(self, engine: Engine, *, owned: bool, prepare: Prepare) -> None:
        against = objection(engine.dialect) or objection_to_pool(engine.pool)
        if against is not None:
            raise ConfigurationError(f"SQLStorage: {against}.")
        self.database = DATABASES[engine.dialect.name]()
        self.engine = adopt(engine, self.database.is_useless)
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._owned = engine if owned else None
        self._in_use: AbstractContextManager[None] = (
            ClosedBeforeForks(engine)
            if owned and engine.dialect.name == "sqlite"
            else nullcontext()
        )
        self._ready = self.prepare if prepare == "auto" else self._require_ready
        self._preparation = Preparation(self._ready)
        self.makes_tables = prepare == "auto"

    def prepare(self) -> None:
        """Make the tables, or upgrade them, where they are not as they should be."""
        if not self.look().is_ready:
            self._again(self.database.preparing, self._make_tables, finds_tables=True)
        self._preparation.is_done()

    def _make_tables(self, connection: Connection) -> None:
        self.database.require_every_character(connection)
        schema = look(connection)  # others may have been first
        if not schema.is_ready:
            upgrade(connection, schema)

    def _require_ready(self) -> None:
        schema = self.look()
        if not schema.is_ready:
            raise SchemaUnusable(to_be_prepared(str(schema)))

    def look(self) -> Schema:
        """What there is of our tables. Nothing is made, no file either.

        Raises:
            ConfigurationError: The database cannot keep every character.
            StorageUnavailable: The tables are none that we can use, or upgrade.
        """
        if self._owned is not None and not self.database.is_there(self._owned.url):
            return Schema()

        def work(connection: Connection) -> Schema:
            self.database.require_every_character(connection)
            return look(connection)

        return self._again(self.database.reading, work, finds_tables=True)

    def close(self) -> None:
        """Dispose of the engine, if it is ours."""
        if self._owned is not None:
            self._owned.dispose()

    def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction; it may be run more than once."""
        self._preparation.ensure()
        return self._run(work, durable=durable)

    def write_as_one_of(self, user_id: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, after all others of this user; it may be run more than
        once."""
        self._preparation.ensure()
        return self._again(partial(self.database.transaction_of, user_id=user_id), work)

    def _run(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction, again when it fell to a deadlock, to a duplicate, or to a
        connection on which the server had changed its mind."""
        return self._again(partial(self.database.transaction, durable=durable), work)

    def read(
        self, statement: Executable, given: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one statement, which may have parameters."""
        self._preparation.ensure()
        return self._again(
            self.database.reading, lambda connection: connection.execute(statement, given).all()
        )

    def _again(
        self,
        connected: Callable[[Engine], AbstractContextManager[Connection]],
        work: Callable[[Connection], T],
        *,
        finds_tables: bool = False,
    ) -> T:
        renewed = False
        looked_again = finds_tables
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._in_use, connected(self.engine) as connection:
                    return work(connection)
            except (DBAPIError, self._driver_error, PoolTimeout, TimeoutError) as error:
                if self._is_thrown_away(error) and not renewed:
                    # The next one is new; what a new one says is so.
                    renewed = True
                    continue
                if self._is_of_another_schema(error) and not looked_again:
                    # Somebody has dropped tables since, or upgraded them, or deleted the file.
                    looked_again = True
                    self._ready()
                    continue
                if not self._is_passing(error) or attempt == ATTEMPTS:
                    raise self._unavailable(error) from None
            wait_for_others(attempt)
        raise AssertionError("unreachable")

    def _is_thrown_away(self, error: Exception) -> bool:
        """Whether the connection of this error is not used again."""
        if isinstance(error, PoolTimeout | TimeoutError):
            return False
        if (
            isinstance(error, DBAPIError)
            and not error.connection_invalidated
            # It could not even be opened, for the sake of others that are.
            and not (error.orig and self.database.is_useless(error.orig))
        ):
            return False
        if self._owned is not None:
            # None of those that wait is kept open: with them SQLite would stay as it is.
            self._owned.pool.dispose()
        return True

    def _is_of_another_schema(self, error: Exception) -> bool:
        return isinstance(error, DBAPIError) and self.database.is_of_another_schema(error)

    def _is_passing(self, error: Exception) -> bool:
        if not isinstance(error, DBAPIError) or error.connection_invalidated:
            return False
        return isinstance(error, IntegrityError) or self.database.is_passing(error)

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        # Only the driver's first line: what follows it quotes values, and they may be tokens.
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        first_line = (str(cause).splitlines() or [""])[0]
        remedy = self.database.remedy(error) if isinstance(error, DBAPIError) else ""
        if isinstance(error, PoolTimeout):
            remedy = (
                " All connections of the pool are in use: commit your own transaction before you "
                "call this, or give the pool more (pool_size)."
            )
        if isinstance(error, IntegrityError):
            first_line = "other writers were in the way each time"
        return StorageUnavailable(
            f"The SQL storage did not answer ({type(cause).__name__}: {first_line}).{remedy}"
        )

    def write_once(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work`, which executes one statement or one ``insert_unless_taken``; it may be run
        more than once."""
        self._preparation.ensure()
        return self._again(partial(self.database.writing_once, durable=durable), work)

    def change(self, statement: Executable, *, durable: bool = True) -> int:
        """Run one writing statement; returns how many rows it met."""

        def work(connection: Connection) -> int:
            result = connection.execute(statement)
            return result.rowcount if isinstance(result, CursorResult) else 0

        return self.write_once(work, durable=durable)
