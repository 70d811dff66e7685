"""When what stands was announced: ``timestamp`` is raised by each batch that goes out."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, Double, inspect

revision = "2.1"
down_revision = "1.1"


def upgrade(op: Operations, schema: str | None) -> None:
    columns = inspect(op.get_bind()).get_columns("live_activity_events", schema)
    if not any(column["name"] == "announced_at" for column in columns):
        op.add_column("live_activity_events", Column("announced_at", Double), schema=schema)
