"""Sessions, who of them waits, and events: the tables of before there were versions."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Text, inspect
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

revision = "1.1"
down_revision = None


def upgrade(op: Operations, schema: str | None) -> None:
    there = inspect(op.get_bind())
    for name, items in _tables().items():
        if there.has_table(name, schema):
            continue
        op.create_table(name, *items, schema=schema)
        if op.get_bind().dialect.name == "postgresql" and name != "live_activity_events":
            preparer = op.get_bind().dialect.identifier_preparer
            place = f"{preparer.quote_schema(schema)}." if schema else ""
            op.execute(f"ALTER TABLE {place}{name} SET (fillfactor = 50)")


def _tables() -> dict[str, list[SchemaItem]]:
    return {
        "live_activity_events": [
            Column("stream_id", _text(255), primary_key=True),
            Column("revision", BigInteger, nullable=False),
            Column("event", _text(16)),
            Column("state", _text(16)),
            Column("content_state", Text),
            Column("alert", Text),
            Column("dismissal_date", BigInteger),
            Column("timestamp", BigInteger, nullable=False),
            Column("expires_at", Double, nullable=False),
            Column("said", _text(64), nullable=False),
            Column("due_at", Double, nullable=False),
            Column("touch", BigInteger, nullable=False),
            Column("held_reason", _text(255)),
            Column("held_since", Double),
            Index("live_activity_events_due", "due_at"),
            Index("live_activity_events_held", "held_since"),
            Index("live_activity_events_expiry", "expires_at"),
        ],
        "live_activity_sessions": [
            Column("session_id", _text(32), primary_key=True),
            Column("user_id", _text(255)),
            Column("device_id", _text(255), nullable=False),
            Column("activity_id", _text(255), nullable=False),
            Column("stream_id", _text(255), nullable=False),
            Column("token", _text(1024), nullable=False, unique=True),
            Column("identity", _text(64), nullable=False, unique=True),
            Column("hold", _text(64), nullable=False, unique=True),
            Column("registered_at", Double, nullable=False),
            Column("token_seen_at", Double, nullable=False),
            Column("expires_at", Double, nullable=False),
            Column("status", _text(8), nullable=False),
            Column("delivered", BigInteger, nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("rejections", Integer, nullable=False),
            Column("due_at", Double, nullable=False),
            Column("reason", _text(255)),
            Index("live_activity_sessions_stream", "stream_id", "session_id"),
            Index("live_activity_sessions_owner", "user_id", "device_id"),
            Index("live_activity_sessions_expiry", "expires_at"),
        ],
        "live_activity_waiting": [
            Column("session_id", _text(32), primary_key=True),
            Column("stream_id", _text(255), nullable=False),
            Column("delivered", BigInteger, nullable=False),
            Column("due_at", Double, nullable=False),
            Column("claim_id", _text(32)),
            Column("leased_until", Double, nullable=False),
            Index("live_activity_waiting_due", "stream_id", "due_at"),
        ],
    }


def _text(length: int) -> TypeEngine[str]:
    octets = VARBINARY(length * 4 if length < 512 else length)
    return String(length).with_variant(octets, "mysql", "mariadb")
