"""What is written to rows, decided once for all storages: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from flask_allmine_liveactivity.model import (
    DUE_NOW,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
)
from flask_allmine_liveactivity.model.stream_writes import rested

# Fields of records that no storage keeps.
READ_ONLY = frozenset({"unreadable"})


def as_row(record: Session | StreamEvent) -> dict[str, Any]:
    """A record's values by column, each of a type that every database driver takes."""
    row: dict[str, Any] = {}
    for column in fields(record):
        if column.name in READ_ONLY:
            continue
        value = getattr(record, column.name)
        row[column.name] = value.value if isinstance(value, StrEnum) else value
    return row


Record = TypeVar("Record", Session, StreamEvent)


def changed_fields(before: Record, after: Record) -> dict[str, Any]:
    """Only what differs, so that what another has written in between is not written over."""
    old, new = as_row(before), as_row(after)
    return {name: value for name, value in new.items() if value != old[name]}


def grouped(
    settlements: Sequence[Settlement],
) -> list[tuple[Settlement, list[Session]]]:
    """Settlements by what they write: a batch is settled in a few statements, not one a session."""
    groups: dict[tuple[object, ...], tuple[Settlement, list[Session]]] = {}
    for settlement in settlements:
        session = settlement.session
        key = (
            settlement.status,
            settlement.delivered,
            settlement.attempts,
            settlement.rejections,
            settlement.due_at,
            settlement.reason,
            settlement.not_seen_after,
            settlement.refused,
            settlement.environment,
            settlement.is_told,
            None if settlement.whoever_holds_the_lease else session.claim_id,
        )
        groups.setdefault(key, (settlement, []))[1].append(session)
    return list(groups.values())


def by_revision(events: Sequence[StreamEvent]) -> dict[int, list[str]]:
    """Stream ids by the revision of their events."""
    revisions: dict[int, list[str]] = {}
    for event in events:
        revisions.setdefault(event.revision, []).append(event.stream_id)
    return revisions


def alike(
    rests: Sequence[tuple[StreamEvent, float]],
) -> list[tuple[StreamEvent, float, list[str]]]:
    """Rests of events by what must stand there and by what is written, with the ids of those that
    have it in common: a page is put to rest in a few statements."""
    groups: dict[tuple[int, int, float], tuple[StreamEvent, float, list[str]]] = {}
    for event, due_at in rests:
        key = event.revision, event.touch, due_at
        groups.setdefault(key, (event, due_at, []))[2].append(event.stream_id)
    return list(groups.values())


# What a session is of that nobody has claimed, by column.
UNCLAIMED: Mapping[str, Any] = {"claim_id": None, "leased_until": 0.0}


def settled_fields(settlement: Settlement) -> dict[str, Any]:
    """What a settlement writes, by column."""
    return {
        "status": settlement.status.value,
        "delivered": settlement.delivered,
        "attempts": settlement.attempts,
        "rejections": settlement.rejections,
        "due_at": settlement.due_at,
        "reason": settlement.reason,
        "refused": settlement.refused,
        "environment": settlement.environment,
        **UNCLAIMED,
    }


def disowned(session_id: Any) -> dict[str, Any]:
    """What becomes of a session whose owner gives it up, by column: it is still to be told, and in
    nobody's way.

    Args:
        session_id: Its own id, or the column of it.
    """
    return {"user_id": None, "identity": session_id, "activity_lock": session_id}


def forgotten(session_id: Any) -> dict[str, Any]:
    """What becomes of a session whose owner is erased, by column."""
    return {**disowned(session_id), "device_id": ""}


def rested_fields(event: StreamEvent, due_at: float) -> dict[str, Any]:
    """What an event that is put to rest becomes, by column."""
    return {
        "due_at": due_at,
        "touch": rested(event.touch),
        "held_reason": None,
        "held_since": None,
    }


# What an event becomes whose hold is lifted, by column.
LIFTED: Mapping[str, Any] = {"held_reason": None, "held_since": None, "due_at": DUE_NOW}


# What a session becomes that no longer waits, by column.
NO_LONGER_WAITS: Mapping[str, Any] = {
    "attempts": 0,
    "rejections": 0,
    "due_at": DUE_NOW,
    "reason": None,
    **UNCLAIMED,
}


def begun_anew(status: SessionStatus) -> dict[str, Any]:
    """What ``revive`` writes of a session that was refused, by column.

    Args:
        status: What it was: a dead one is one that has not been told yet, an active one waits no
            longer.
    """
    anew = dict(NO_LONGER_WAITS)
    if status is SessionStatus.DEAD:
        anew.update(status=SessionStatus.ACTIVE.value, delivered=0)
    return anew
