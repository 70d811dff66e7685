"""Conditions and conversions between rows and records, shared by the statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
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
    StreamEvent,
    StreamState,
)
from flask_allmine_liveactivity.storage.base import Resolution, as_row, changed_fields
from flask_allmine_liveactivity.storage.sql.tables import events, sessions, waiting
from flask_allmine_liveactivity.storage.sql.waiting import enter, leave, waiting_row

T = TypeVar("T")

_STATUS = sessions.c.keys().index("status")
_STATUSES = {status.value: status for status in SessionStatus}
_UNCLAIMED = (None, 0.0)


def of_event(stream_id: str) -> ColumnElement[bool]:
    return events.c.stream_id == stream_id


def the_event(stream_id: str) -> Any:
    return select(events).where(of_event(stream_id))


def with_claims() -> Select[Any]:
    """Sessions, column by column as ``session_of`` takes them."""
    leased_until = func.coalesce(waiting.c.leased_until, 0.0)
    return select(*sessions.c, waiting.c.claim_id, leased_until).outerjoin_from(
        sessions, waiting, waiting.c.session_id == sessions.c.session_id
    )


def lock_those_met_by(connection: Connection, session: Session) -> list[Session]:
    """The sessions that a registration meets, locked, in one order so that two do not deadlock."""
    rows = connection.execute(
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
    ).all()
    # Asked afterwards: claims lock no session, and one that came in between is seen here.
    claims = {
        claim.session_id: (claim.claim_id, claim.leased_until)
        for claim in connection.execute(
            select(waiting)
            .where(waiting.c.session_id.in_([row.session_id for row in rows]))
            .with_for_update()
        )
    }
    return [session_of((*row, *claims.get(row.session_id, _UNCLAIMED))) for row in rows]


def write_resolution(
    connection: Connection, resolution: Resolution, met: Sequence[Session]
) -> None:
    if resolution.delete:
        connection.execute(delete(sessions).where(sessions.c.session_id.in_(resolution.delete)))
        leave(connection, waiting.c.session_id.in_(resolution.delete))
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
        connection.execute(insert(sessions), session_row(row))
        enter(connection, row)
        return
    if changes := sessions_own(changed_fields(before, row)):
        connection.execute(
            update(sessions).where(sessions.c.session_id == row.session_id).values(changes)
        )
    if waiting_row(before) != waiting_row(row):
        leave(connection, waiting.c.session_id == row.session_id)
        enter(connection, row)


def session_row(session: Session) -> dict[str, Any]:
    return sessions_own(as_row(session))


def sessions_own(values: dict[str, Any]) -> dict[str, Any]:
    """Without the claim, which stands with those who wait."""
    return {name: value for name, value in values.items() if name in sessions.c}


def not_by_index(column: ColumnElement[T]) -> ColumnElement[T]:
    """A column whose index would go through a whole audience, where others name the rows: planners
    that have counted long ago choose it all the same."""
    return func.coalesce(column, column)


def session_of(row: Sequence[Any]) -> Session:
    # By position, since one is made for each push: the columns are the fields, in their order.
    values = list(row)
    values[_STATUS] = _STATUSES[values[_STATUS]]
    return Session(*values)


def event_of(row: Row[*tuple[Any, ...]]) -> StreamEvent:
    values = dict(row._mapping)
    state = values["state"]
    return StreamEvent(**{**values, "state": None if state is None else StreamState(state)})
