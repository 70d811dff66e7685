"""The three tables, as SQLAlchemy metadata: a host's Alembic can take them into its migrations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData()


class Exact(TypeDecorator[str]):
    """Text that is equal only where every character is.

    MariaDB's collations fold case or ignore trailing blanks, so that two users could become one:
    there the UTF-8 bytes are stored.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        length = self.impl_instance.length or 255  # type: ignore[attr-defined]
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(VARBINARY(length * 4 if length < 512 else length))
        return dialect.type_descriptor(String(length))

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], Any] | None:
        return _encoded if dialect.name in ("mysql", "mariadb") else None

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[bytes | None], str | None] | None:
        return _decoded if dialect.name in ("mysql", "mariadb") else None


def _encoded(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


class JSONText(TypeDecorator[Any]):
    """A JSON value as text: the same on every database, and never searched."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


sessions = Table(
    "live_activity_sessions",
    metadata,
    Column("session_id", Exact(32), primary_key=True),
    Column("user_id", Exact(255)),
    Column("device_id", Exact(255), nullable=False),
    Column("activity_id", Exact(255), nullable=False),
    Column("stream_id", Exact(255), nullable=False),
    # URL-safe ASCII, so that a byte is a character and the unique index fits everywhere.
    Column("token", Exact(1024), nullable=False, unique=True),
    Column("identity", Exact(64), nullable=False, unique=True),
    Column("hold", Exact(64), nullable=False, unique=True),
    Column("registered_at", Double, nullable=False),
    Column("token_seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("status", Exact(8), nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("rejections", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("reason", Exact(255)),
    Index("live_activity_sessions_stream", "stream_id", "session_id"),
    Index("live_activity_sessions_owner", "user_id", "device_id"),
    Index("live_activity_sessions_expiry", "expires_at"),
    # Nothing that a delivery changes is in an index, and there is room on each page for a second
    # version of its rows: so PostgreSQL leaves all six indexes as they are. With the status in
    # one, each settlement would be a new entry in all of them.
    postgresql_with={"fillfactor": 50},
)

# The active sessions, one row each: who is to be told next, and who is in somebody's hands. What a
# claim searches is small, and a session that has been told is one row less of it. ``delivered`` and
# ``due_at`` are those of the session; the claim stands here alone.
waiting = Table(
    "live_activity_waiting",
    metadata,
    Column("session_id", Exact(32), primary_key=True),
    Column("stream_id", Exact(255), nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("claim_id", Exact(32)),
    Column("leased_until", Double, nullable=False),
    # One range of one stream, already in the order in which it falls due.
    Index("live_activity_waiting_due", "stream_id", "due_at"),
    # For the claim, which changes no indexed column.
    postgresql_with={"fillfactor": 50},
)

events = Table(
    "live_activity_events",
    metadata,
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
    Index("live_activity_events_due", "due_at"),
    Index("live_activity_events_held", "held_since"),
    Index("live_activity_events_expiry", "expires_at"),
)
