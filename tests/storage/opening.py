"""Open a storage by its URI, as the package does: also in another process."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, delete, select

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.storage import from_uri
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import active_sessions, events, sessions


def open_storage(uri: str, **options: Any) -> Storage:
    """The storage that the package would open for this URI."""
    return from_uri.open_storage(uri, options, "/")


def empty_tables(engine: Engine) -> None:
    """Leave the tables, and nothing in them."""
    with engine.begin() as connection:
        for table in (active_sessions, sessions, events):
            connection.execute(delete(table))


def check_who_waits(engine: Engine) -> None:
    """Each active session has its row among the active, which says the same; there is no other."""
    with engine.connect() as connection:
        assert _here_and_there(connection, active_sessions) == _here_and_there(
            connection, sessions, sessions.c.status == SessionStatus.ACTIVE.value
        )


def check_who_waits_at(uri: str) -> None:
    """The same by URI; MongoDB has the claim in the session itself."""
    if uri.startswith("mongodb"):
        return
    engine = create_engine(uri)
    try:
        check_who_waits(engine)
    finally:
        engine.dispose()


def _here_and_there(
    connection: Connection, table: Table, *among: ColumnElement[bool]
) -> set[tuple[Any, ...]]:
    columns = [table.c[name] for name in ("session_id", "stream_id", "delivered", "due_at")]
    return {tuple(row) for row in connection.execute(select(*columns).where(*among))}
