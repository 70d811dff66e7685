"""How many sessions stand where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from flask_allmine_liveactivity.model import END, UPDATE, Counts, SessionStatus
from flask_allmine_liveactivity.model.stream import FOUND
from flask_allmine_liveactivity.storage.sql.active_rows import ACTIVE
from flask_allmine_liveactivity.storage.sql.rows import not_by_index
from flask_allmine_liveactivity.storage.sql.tables import events, sessions
from flask_allmine_liveactivity.storage.sql.transactions import Transactions


def count(transactions: Transactions, now: float, stream_id: str | None) -> Counts:
    """What ``Storage.counts`` answers."""
    found = (
        select(func.count())
        .select_from(events)
        .where(events.c.event == END, events.c.source == FOUND)
    )
    # One pass over the index, where grouping would sort a whole audience.
    by_status = select(
        *(_how_many(sessions.c.status == status.value) for status in SessionStatus),
        _how_many(ACTIVE & (sessions.c.delivered > 0) & sessions.c.reason.is_(None)),
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
    untold = (
        select(
            events.c.event,
            sessions.c.reason,
            func.count(),
            func.min(since),
            func.min(sessions.c.due_at),
        )
        .join_from(sessions, events, sessions.c.stream_id == events.c.stream_id)
        .where(
            ACTIVE,
            not_by_index(sessions.c.expires_at) > now,
            events.c.event.is_not(None),
            sessions.c.delivered < events.c.revision,
        )
        .group_by(events.c.event, sessions.c.reason)
    )
    if stream_id is not None:
        found = found.where(events.c.stream_id == stream_id)
        by_status = by_status.where(sessions.c.stream_id == stream_id)
        dead = dead.where(sessions.c.stream_id == stream_id)
        untold = untold.where(sessions.c.stream_id == stream_id)
    by_status = by_status.add_columns(found.scalar_subquery())
    *numbers, updated, rows, ends_found = map(int, transactions.read(by_status)[0])
    totals = dict(zip(SessionStatus, numbers, strict=True))
    behind: Sequence[Sequence[Any]] = transactions.read(untold)
    updates = [row for row in behind if row[0] == UPDATE]
    pending = [row for row in behind if row[0] != UPDATE]
    return Counts(
        active=totals[SessionStatus.ACTIVE],
        pending=sum(row[2] for row in pending),
        oldest_pending_since=min((float(row[3]) for row in pending), default=None),
        updates_pending=sum(row[2] for row in updates),
        oldest_update_since=min((float(row[3]) for row in updates), default=None),
        updated=updated,
        ended=totals[SessionStatus.ENDED],
        waiting=_waiting(behind),
        next_tries=_next_tries(behind),
        dead={row[0] or "": row[1] for row in transactions.read(dead)},
        unknown=rows - sum(totals.values()),
        ends_found=ends_found,
    )


def _how_many(are: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((are, 1), else_=0)), 0)


def _waiting(behind: Iterable[Sequence[Any]]) -> dict[str, int]:
    waiting: Counter[str] = Counter()
    for row in behind:
        if row[1]:
            waiting[row[1]] += row[2]
    return dict(waiting)


def _next_tries(behind: Iterable[Sequence[Any]]) -> dict[str, float]:
    earliest: dict[str, float] = {}
    for row in behind:
        if row[1]:
            due_at = float(row[4])
            earliest[row[1]] = min(due_at, earliest.get(row[1], due_at))
    return earliest
