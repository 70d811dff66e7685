"""Sessions that were refused begin anew, since what they were refused for was mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from flask_allmine_liveactivity.model import DUE_NOW, SessionStatus
from flask_allmine_liveactivity.storage.rules import NO_LONGER_WAITS, UNCLAIMED, begun_anew
from flask_allmine_liveactivity.storage.sql.active_rows import ACTIVE, enter_whoever_is_missing
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.rows import not_by_index, sessions_own
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

_DEAD = sessions.c.status == SessionStatus.DEAD.value
_WAITS = and_(ACTIVE, or_(sessions.c.attempts > 0, sessions.c.reason.is_not(None)))


def _refused(now: float) -> ColumnElement[bool]:
    return and_(or_(_DEAD, _WAITS), not_by_index(sessions.c.expires_at) > now)


def refused_after(after: str, stream_id: str | None, now: float) -> Select[Any]:
    """The ids of sessions that ``revive`` is about, by ascending id, those greater than `after`."""
    chosen = select(sessions.c.session_id).where(sessions.c.session_id > after, _refused(now))
    if stream_id is not None:
        chosen = chosen.where(sessions.c.stream_id == stream_id)
    return chosen.order_by(sessions.c.session_id)


def begin_anew(
    connection: Connection, database: Database, ids: Sequence[str], now: float
) -> Counter[str]:
    """Let these begin anew where they are still refused; returns how many did, by stream."""
    database.before_locking(connection)
    columns = sessions.c.session_id, sessions.c.stream_id, sessions.c.status
    refused = (
        select(*columns)
        .where(database.among(sessions.c.session_id, ids), _refused(now))
        .order_by(sessions.c.session_id)
        .with_for_update()
    )
    rows = connection.execute(refused).all()
    # Asked once the sessions are locked: a claim that came in between is seen here, and none comes
    # until these rows are let go.
    claims = (
        select(active_sessions.c.session_id, active_sessions.c.leased_until)
        .where(database.among(active_sessions.c.session_id, ids))
        .with_for_update()
    )
    in_flight = {row[0] for row in connection.execute(claims) if row[1] > now}
    free = [row for row in rows if row.session_id not in in_flight]
    for status in (SessionStatus.DEAD, SessionStatus.ACTIVE):
        those = [row.session_id for row in free if row.status == status.value]
        if those:
            connection.execute(
                update(sessions)
                .where(database.among(sessions.c.session_id, those))
                .values(sessions_own(begun_anew(status)))
            )
    if free:
        these = [row.session_id for row in free]
        connection.execute(
            update(active_sessions)
            .where(database.among(active_sessions.c.session_id, these))
            .values(due_at=DUE_NOW, **UNCLAIMED)
        )
        enter_whoever_is_missing(connection, database.among(sessions.c.session_id, these))
    return Counter(row.stream_id for row in free)


def waiting_since_before(
    database: Database, streams: Sequence[str], revision: int, now: float
) -> Select[Any]:
    """The ids of sessions that wait since a push of an earlier revision was refused."""
    return (
        select(sessions.c.session_id)
        .join_from(active_sessions, sessions, active_sessions.c.session_id == sessions.c.session_id)
        .where(
            database.among(active_sessions.c.stream_id, streams),
            # Only these: they are few, and in the order of the index.
            active_sessions.c.due_at > now,
            active_sessions.c.leased_until <= now,
            active_sessions.c.delivered < revision,
            func.coalesce(sessions.c.refused, 0) < revision,
            ACTIVE,
        )
    )


def forget_refusals(connection: Connection, database: Database, waiting: Select[Any]) -> int:
    """Let these be claimed now; returns how many they are."""
    database.before_locking(connection)
    ids = connection.scalars(waiting.with_for_update(of=sessions)).all()
    if ids:
        own = {name: value for name, value in NO_LONGER_WAITS.items() if name in sessions.c}
        connection.execute(
            update(sessions).where(database.among(sessions.c.session_id, ids)).values(own)
        )
        connection.execute(
            update(active_sessions)
            # Who was claimed in between keeps his claim.
            .where(
                database.among(active_sessions.c.session_id, ids),
                active_sessions.c.claim_id.is_(None),
            )
            .values(due_at=DUE_NOW)
        )
    return len(ids)
