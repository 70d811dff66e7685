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
    func,
    insert,
    literal,
    null,
    select,
)

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

ACTIVE = sessions.c.status == SessionStatus.ACTIVE.value
NOT_LEASED = active_sessions.c.leased_until == 0.0


def untold(
    stream_id: Any, revision: Any, *, round_robin: bool = False
) -> tuple[ColumnElement[bool], ...]:
    """That a stream's sessions have been told less than this revision.

    There is one index in the order in which they are due and one in which they have been told, and
    a planner that chooses the other one goes through an audience.
    """
    delivered: ColumnElement[int] = active_sessions.c.delivered
    if not round_robin:
        delivered = func.coalesce(delivered, delivered)
    return active_sessions.c.stream_id == stream_id, delivered < revision


def claimable(stream_id: Any, revision: Any, now: Any, *, round_robin: bool = False) -> Select[Any]:
    """The ids of those that can be claimed: the longest due first, or who was told longest ago."""
    chosen = select(active_sessions.c.session_id).where(
        *untold(stream_id, revision, round_robin=round_robin),
        active_sessions.c.due_at <= now,
        active_sessions.c.leased_until <= now,
    )
    if round_robin:
        return chosen.order_by(active_sessions.c.delivered, active_sessions.c.due_at)
    return chosen.order_by(active_sessions.c.due_at)


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
