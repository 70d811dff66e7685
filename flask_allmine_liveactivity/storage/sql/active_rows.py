"""The rows of the active sessions: one for each, kept beside it.

Every change of a session's status, ``delivered`` or ``due_at`` changes its row here in the same
transaction. The locks are taken in one order, the session's first: only a claim locks rows here
alone, and it waits for none.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    exists,
    insert,
    literal,
    null,
    select,
)

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

ACTIVE = sessions.c.status == SessionStatus.ACTIVE.value
NOT_LEASED = active_sessions.c.leased_until == 0.0


def untold(stream_id: Any, revision: Any) -> tuple[ColumnElement[bool], ...]:
    return active_sessions.c.stream_id == stream_id, active_sessions.c.delivered < revision


def claimable(stream_id: Any, revision: Any, now: Any) -> Select[Any]:
    """The ids of those that can be claimed, the longest due first."""
    return (
        select(active_sessions.c.session_id)
        .where(
            *untold(stream_id, revision),
            active_sessions.c.due_at <= now,
            active_sessions.c.leased_until <= now,
        )
        .order_by(active_sessions.c.due_at)
    )


def active_row(session: Session) -> dict[str, Any] | None:
    """A session's row here; ``None`` where it waits for nothing."""
    if session.status is not SessionStatus.ACTIVE:
        return None
    return {column.key: getattr(session, column.key) for column in active_sessions.c}


def enter(connection: Connection, session: Session) -> None:
    """Insert a session's row, if it waits."""
    if row := active_row(session):
        connection.execute(insert(active_sessions), row)


def enter_whoever_is_missing(connection: Connection, *among: ColumnElement[bool]) -> None:
    """Insert a row for each session that became active and has none."""
    has_one = exists().where(active_sessions.c.session_id == sessions.c.session_id)
    found = select(
        *(sessions.c[name] for name in ("session_id", "stream_id", "delivered", "due_at")),
        null(),
        literal(0.0),
    )
    connection.execute(
        insert(active_sessions).from_select(
            active_sessions.c.keys(), found.where(ACTIVE, ~has_one, *among)
        )
    )


def leave(connection: Connection, among: ColumnElement[bool]) -> None:
    connection.execute(delete(active_sessions).where(among))
