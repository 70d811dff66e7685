"""Conditions and conversions between rows and records, shared by the statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from flask_allmine_liveactivity.model import (
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    StreamState,
)
from flask_allmine_liveactivity.storage.base import Resolution, as_row, changed_fields
from flask_allmine_liveactivity.storage.sql.tables import events, sessions

T = TypeVar("T")

_STATUS = sessions.c.keys().index("status")
_STATUSES = {status.value: status for status in SessionStatus}

ACTIVE = sessions.c.status == SessionStatus.ACTIVE.value
NOT_LEASED = sessions.c.leased_until == 0.0


def of_event(stream_id: str) -> ColumnElement[bool]:
    return events.c.stream_id == stream_id


def the_event(stream_id: str) -> Any:
    return select(events).where(of_event(stream_id))


def untold(stream_id: str, revision: int) -> tuple[ColumnElement[bool], ...]:
    return sessions.c.stream_id == stream_id, ACTIVE, sessions.c.delivered < revision


def met_by(session: Session) -> Any:
    """The rows that a registration meets, locked, in one order so that two do not deadlock."""
    return (
        select(sessions)
        .where(
            or_(
                sessions.c.token == session.token,
                sessions.c.identity == session.identity,
                sessions.c.hold == session.hold,
            )
        )
        .order_by(sessions.c.session_id)
        .with_for_update()
    )


def write_resolution(
    connection: Connection, resolution: Resolution, met: Sequence[Session]
) -> None:
    if resolution.delete:
        connection.execute(delete(sessions).where(sessions.c.session_id.in_(resolution.delete)))
    if resolution.yield_hold:
        connection.execute(
            update(sessions)
            .where(sessions.c.session_id.in_(resolution.yield_hold))
            .values(hold=sessions.c.session_id)
        )
    row = resolution.write
    if row is None:
        return
    before = next((other for other in met if other.session_id == row.session_id), None)
    if before is None:
        connection.execute(insert(sessions), as_row(row))
    elif changes := changed_fields(before, row):
        connection.execute(
            update(sessions).where(sessions.c.session_id == row.session_id).values(changes)
        )


def not_by_index(column: ColumnElement[T]) -> ColumnElement[T]:
    """A column whose index would go through a whole audience, where others name the rows: planners
    that have counted long ago choose it all the same."""
    return func.coalesce(column, column)


Among = Callable[[ColumnElement[str], Sequence[str]], ColumnElement[bool]]


def still_the_same(
    settlement: Settlement, group: Sequence[Session], among: Among
) -> ColumnElement[bool]:
    """Where a settlement counts, for a group of sessions that become the same.

    `among` says in the database's manner that a column is one of many values.
    """
    if settlement.whoever_holds_the_lease:
        same = and_(
            among(sessions.c.token, [session.token for session in group]),
            not_by_index(sessions.c.stream_id) == settlement.session.stream_id,
        )
    else:
        same = and_(
            among(sessions.c.session_id, [session.session_id for session in group]),
            sessions.c.claim_id == settlement.session.claim_id,
        )
    if settlement.not_seen_after is None:
        return same
    return and_(same, sessions.c.token_seen_at <= settlement.not_seen_after)


def session_of(row: Row[*tuple[Any, ...]]) -> Session:
    # By position, since one is made for each push: the columns are the fields, in their order.
    values = list(row)
    values[_STATUS] = _STATUSES[row[_STATUS]]
    return Session(*values)


def event_of(row: Row[*tuple[Any, ...]]) -> StreamEvent:
    values = dict(row._mapping)
    state = values["state"]
    return StreamEvent(**{**values, "state": None if state is None else StreamState(state)})
