"""How many sessions stand where."""

from __future__ import annotations

from sqlalchemy import case, func, select

from flask_allmine_liveactivity.model import Counts, SessionStatus
from flask_allmine_liveactivity.storage.sql.active_rows import ACTIVE
from flask_allmine_liveactivity.storage.sql.rows import not_by_index
from flask_allmine_liveactivity.storage.sql.tables import events, sessions
from flask_allmine_liveactivity.storage.sql.transactions import Transactions


def count(transactions: Transactions, now: float, stream_id: str | None) -> Counts:
    """What ``Storage.counts`` answers."""
    # One pass over the index, where grouping would sort a whole audience.
    by_status = select(
        *(
            func.coalesce(func.sum(case((sessions.c.status == status.value, 1), else_=0)), 0)
            for status in SessionStatus
        ),
        func.count(),
    )
    dead = (
        select(sessions.c.reason, func.count())
        .where(sessions.c.status == SessionStatus.DEAD.value)
        .group_by(sessions.c.reason)
    )
    told_since = func.coalesce(events.c.announced_at, events.c.timestamp)
    since = case(
        (sessions.c.token_seen_at > told_since, sessions.c.token_seen_at), else_=told_since
    )
    pending = (
        select(sessions.c.reason, func.count(), func.min(since), func.min(sessions.c.due_at))
        .join_from(sessions, events, sessions.c.stream_id == events.c.stream_id)
        .where(
            ACTIVE,
            not_by_index(sessions.c.expires_at) > now,
            events.c.event.is_not(None),
            sessions.c.delivered < events.c.revision,
        )
        .group_by(sessions.c.reason)
    )
    if stream_id is not None:
        by_status = by_status.where(sessions.c.stream_id == stream_id)
        dead = dead.where(sessions.c.stream_id == stream_id)
        pending = pending.where(sessions.c.stream_id == stream_id)
    *numbers, rows = map(int, transactions.read(by_status)[0])
    totals = dict(zip(SessionStatus, numbers, strict=True))
    behind = transactions.read(pending)
    return Counts(
        active=totals[SessionStatus.ACTIVE],
        pending=sum(row[1] for row in behind),
        oldest_pending_since=min((float(row[2]) for row in behind), default=None),
        ended=totals[SessionStatus.ENDED],
        waiting={row[0]: row[1] for row in behind if row[0]},
        next_tries={row[0]: float(row[3]) for row in behind if row[0]},
        dead={row[0] or "": row[1] for row in transactions.read(dead)},
        unknown=rows - sum(totals.values()),
    )
