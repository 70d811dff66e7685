"""The tables of all sessions and of the active ones, brought together again.

No transaction of ours leaves them apart: a backup that was restored in parts does, and a hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, case, exists, select, update

from flask_allmine_liveactivity.model import DUE_NOW
from flask_allmine_liveactivity.storage.sql.active_rows import (
    ACTIVE,
    enter_whoever_is_missing,
    leave,
)
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, events, sessions

# So many are mended in one transaction.
AT_ONCE = 1000

Mend = Callable[..., int]
"""Mends what is wrong with these ids, as ``take_in`` and ``let_go`` do; returns of how many."""


def left_out(after: str) -> Select[Any]:
    """The ids of active sessions that nobody could claim, those greater than `after`."""
    waits = exists().where(active_sessions.c.session_id == sessions.c.session_id)
    return _in_order(sessions.c.session_id, after).where(ACTIVE, ~waits)


def left_behind(after: str) -> Select[Any]:
    """The ids among the active ones whose session is over or gone, greater than `after`."""
    lives = exists().where(sessions.c.session_id == active_sessions.c.session_id, ACTIVE)
    return _in_order(active_sessions.c.session_id, after).where(~lives)


def _in_order(column: Any, after: str) -> Select[Any]:
    return select(column).where(column > after).order_by(column).limit(AT_ONCE)


def take_in(connection: Connection, database: Database, ids: Sequence[str]) -> int:
    """Let sessions be claimed again, and their streams be looked at now."""
    database.before_locking(connection)
    these = database.among(sessions.c.session_id, ids)
    streams = connection.scalars(
        select(sessions.c.stream_id).where(these, ACTIVE).with_for_update()
    ).all()
    enter_whoever_is_missing(connection, these)
    connection.execute(
        update(events)
        .where(database.among(events.c.stream_id, list(set(streams))), events.c.event.is_not(None))
        .values(
            touch=events.c.touch + 1 + events.c.touch % 2,  # as `touched` says
            due_at=case((events.c.held_since.is_(None), DUE_NOW), else_=events.c.due_at),
        )
    )
    return len(streams)


def let_go(connection: Connection, database: Database, ids: Sequence[str]) -> int:
    """Delete the rows among the active ones of sessions that are not."""
    database.before_locking(connection)
    lives = exists().where(sessions.c.session_id == active_sessions.c.session_id, ACTIVE)
    leave(connection, database.among(active_sessions.c.session_id, ids) & ~lives)
    return len(ids)
