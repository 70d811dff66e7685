"""The tables: as our statements use them, and as SQLAlchemy metadata of plain types.

Only the latter is for making them. A host's Alembic can take it into its migrations, where a type
of ours would be a name that nobody has imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    event,
)
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.types import TypeDecorator, TypeEngine

from flask_allmine_liveactivity.storage.reading import from_json

_of_statements = MetaData()


class Exact(TypeDecorator[str]):
    """Text that is equal only where every character is.

    MariaDB's collations fold case or ignore trailing blanks, so that two users could become one:
    there the UTF-8 bytes are stored.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(self.plain().dialect_impl(dialect))

    def plain(self) -> TypeEngine[Any]:
        """What a column of this is made of."""
        length = self.impl_instance.length or 255  # type: ignore[attr-defined]
        octets = VARBINARY(length * 4 if length < 512 else length)
        return String(length).with_variant(octets, "mysql", "mariadb")

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], Any] | None:
        return _encoded if dialect.name in ("mysql", "mariadb") else None

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[bytes | str | None], str | None] | None:
        return _decoded if dialect.name in ("mysql", "mariadb") else None


def _encoded(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _decoded(value: bytes | str | None) -> str | None:
    # mysqlclient sends bytes as a quoted text: one that a statement only passes on comes back so.
    return value.decode() if isinstance(value, bytes) else value


class JSONText(TypeDecorator[Any]):
    """A JSON value as text: the same on every database, and never searched."""

    impl = Text
    cache_ok = True

    def plain(self) -> TypeEngine[Any]:
        """What a column of this is made of."""
        return Text()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return from_json(value)


sessions = Table(
    "live_activity_sessions",
    _of_statements,
    Column("session_id", Exact(32), primary_key=True),
    Column("user_id", Exact(255)),
    Column("device_id", Exact(255), nullable=False),
    Column("activity_id", Exact(255), nullable=False),
    Column("stream_id", Exact(255), nullable=False),
    # URL-safe ASCII, so that a byte is a character and the unique index fits everywhere.
    Column("token", Exact(1024), nullable=False, unique=True),
    Column("identity", Exact(64), nullable=False, unique=True),
    # Its name is of an earlier version, which a rolling deployment has beside this one.
    Column("hold", Exact(64), key="activity_lock", nullable=False, unique=True),
    Column("registered_at", Double, nullable=False),
    Column("token_seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("status", Exact(8), nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("rejections", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("reason", Exact(255)),
    Column("environment", Exact(16)),
    Column("refused", BigInteger),
    Index("live_activity_sessions_stream", "stream_id", "session_id"),
    Index("live_activity_sessions_owner", "user_id", "device_id"),
    Index("live_activity_sessions_expiry", "expires_at"),
    # Nothing that a delivery changes is in an index (see `_leave_room`): with the status in one,
    # each settlement would be a new entry in all six.
)

# The active sessions, one row each, under a name of an earlier version: who is to be told next, and
# who is in somebody's hands. What a claim searches is small, and a session that has been told is
# one row less of it. ``delivered`` and ``due_at`` are those of the session; the claim stands here
# alone.
active_sessions = Table(
    "live_activity_waiting",
    _of_statements,
    Column("session_id", Exact(32), primary_key=True),
    Column("stream_id", Exact(255), nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("claim_id", Exact(32)),
    Column("leased_until", Double, nullable=False),
    # One range of one stream, already in the order in which it falls due.
    Index("live_activity_waiting_due", "stream_id", "due_at"),
    # Of an update: those told longest ago first, and those who have been told it not at all.
    Index("live_activity_waiting_told", "stream_id", "delivered", "due_at"),
)

events = Table(
    "live_activity_events",
    _of_statements,
    Column("stream_id", Exact(255), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("event", Exact(16)),
    Column("state", Exact(16)),
    Column("content_state", JSONText),
    Column("alert", JSONText),
    Column("dismissal_date", BigInteger),
    Column("timestamp", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("said", Exact(64), nullable=False),
    Column("due_at", Double, nullable=False),
    Column("touch", BigInteger, nullable=False),
    Column("held_reason", Exact(255)),
    Column("held_since", Double),
    Column("announced_at", Double),
    Column("priority", Integer),
    Column("source", Exact(16)),
    Column("told_at", Double),
    Column("check_at", Double),
    Column("countdown", JSONText),
    Column("countdown_expires_at", Double),
    Column("found_state", Exact(16)),
    Column("found_at", Double),
    Column("silent_since", Double),
    Index("live_activity_events_due", "due_at"),
    Index("live_activity_events_check", "check_at"),
    Index("live_activity_events_held", "held_since"),
    Index("live_activity_events_expiry", "expires_at"),
)

# Alembic's, of our own beside a host's ``alembic_version``, and as Alembic would make it. It is
# among the others so that a host's migrations pass it over, or take it over, with them.
schema_version = Table(
    "live_activity_schema",
    _of_statements,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="live_activity_schema_pkc"),
)


def _leave_room(table: Table) -> None:
    """Have PostgreSQL keep room on each page for a second version of its rows: a change of columns
    that are in no index then leaves all indexes as they are."""
    # Not the table's own `postgresql_with`: SQLAlchemy 2.0 has none.
    room = DDL("ALTER TABLE %(fullname)s SET (fillfactor = 50)")  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", room.execute_if(dialect="postgresql"))


def _plain() -> MetaData:
    plain = MetaData()
    for table in _of_statements.sorted_tables:
        for column in table.to_metadata(plain).columns:
            if isinstance(column.type, Exact | JSONText):
                column.type = column.type.plain()
    for table in (sessions, active_sessions):
        _leave_room(plain.tables[table.name])
    return plain


metadata = _plain()
