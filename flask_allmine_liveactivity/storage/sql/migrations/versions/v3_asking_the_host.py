"""What the host has said of a stream and when it is asked next; updates; a token's environment."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Double, Integer, String, Text, inspect
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.types import TypeEngine

revision = "3.1"
down_revision = "2.1"


def upgrade(op: Operations, schema: str | None) -> None:
    there = inspect(op.get_bind())
    for table, columns in _columns().items():
        names = {column["name"] for column in there.get_columns(table, schema)}
        for column in columns:
            if column.name not in names:
                op.add_column(table, column, schema=schema)
    for table, name, on in _INDEXES:
        if not any(index["name"] == name for index in there.get_indexes(table, schema)):
            op.create_index(name, table, on, schema=schema)


_INDEXES = (
    ("live_activity_events", "live_activity_events_check", ["check_at"]),
    (
        "live_activity_waiting",
        "live_activity_waiting_told",
        ["stream_id", "delivered", "due_at"],
    ),
)


def _columns() -> dict[str, list[Column[object]]]:
    # None of them has to be written by the version before, which goes on beside this one.
    return {
        "live_activity_events": [
            Column("priority", Integer),
            Column("source", _text(16)),
            Column("told_at", Double),
            Column("check_at", Double),
            Column("countdown", Text),
            Column("countdown_expires_at", Double),
            Column("found_state", _text(16)),
            Column("found_at", Double),
            Column("silent_since", Double),
        ],
        "live_activity_sessions": [
            Column("environment", _text(16)),
            Column("refused", BigInteger),
        ],
    }


def _text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(VARBINARY(length * 4), "mysql", "mariadb")
