"""Sessions, which of them are active, and streams: three SQL tables."""

from __future__ import annotations

from sqlalchemy import Engine

from flask_allmine_liveactivity.errors import SchemaUnusable
from flask_allmine_liveactivity.model import Counts
from flask_allmine_liveactivity.storage.base import TO_BE_MADE, Storage
from flask_allmine_liveactivity.storage.preparation import Prepare, to_be_prepared
from flask_allmine_liveactivity.storage.sql.counting import count
from flask_allmine_liveactivity.storage.sql.session_rows import SQLSessions
from flask_allmine_liveactivity.storage.sql.stream_rows import SQLStreams
from flask_allmine_liveactivity.storage.sql.transactions import Transactions


class SQLStorage(Storage):
    """Storage over a SQLAlchemy engine.

    Args:
        engine: The host's, which stays open and as it is.
        owned: Whether ``close()`` disposes of the engine.
        prepare: ``auto``: the tables are made and upgraded at first use; ``command``: by
            ``prepare()`` alone, which is what ``flask live-activity prepare`` calls.

    Raises:
        ConfigurationError: The engine's database, driver or pool is not one that is supported.

    .. versionadded:: 0.1.0
    """

    def __init__(self, engine: Engine, *, owned: bool = False, prepare: Prepare = "auto") -> None:
        self._transactions = Transactions(engine, owned=owned, prepare=prepare)
        self.streams = SQLStreams(self._transactions)
        self.sessions = SQLSessions(self._transactions)

    @property
    def engine(self) -> Engine:
        """The engine that is worked on: over the host's pool, in the manner of its database.

        .. versionadded:: 0.1.0
        """
        return self._transactions.engine

    def prepare(self) -> None:
        self._transactions.prepare()

    def check(self, now: float) -> str:
        schema = self._transactions.look()
        if schema.is_ready:
            return f"{super().check(now)}; {schema}"
        if not self._transactions.makes_tables:
            raise SchemaUnusable(to_be_prepared(str(schema)))
        return f"{TO_BE_MADE}: {schema}"

    def close(self) -> None:
        self._transactions.close()

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        return count(self._transactions, now, stream_id)
