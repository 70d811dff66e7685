"""Conditions and conversions between rows and records, shared by the statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
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
)
from flask_allmine_liveactivity.storage.reading import STATUSES, read_event
from flask_allmine_liveactivity.storage.resolution import Resolution
from flask_allmine_liveactivity.storage.rules import UNCLAIMED, as_row, changed_fields
from flask_allmine_liveactivity.storage.sql.active_rows import active_row, enter, leave
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, events, sessions

T = TypeVar("T")

_STATUS = sessions.c.keys().index("status")
_REFUSED = sessions.c.keys().index("refused")
_OF_EVENT = events.c.keys()
_UNCLAIMED = tuple(UNCLAIMED.values())


def of_event(stream_id: str) -> ColumnElement[bool]:
    return events.c.stream_id == stream_id


def rows_of_user(user_id: Any) -> Select[Any]:
    return select(func.count()).where(sessions.c.user_id == user_id)


def ids_of_user(user_id: str) -> Select[Any]:
    of_user = select(sessions.c.session_id).where(sessions.c.user_id == user_id)
    return of_user.order_by(sessions.c.session_id)


def if_there_is_room(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The parameters of one session as a row to insert, where its user has fewer rows than
    ``fewer_than``: counted within the statement, so that no other comes in between for long."""
    given = {column.key: bindparam(column.key, type_=column.type) for column in sessions.c}
    there = rows_of_user(given["user_id"]).scalar_subquery()
    fewer = there < bindparam("fewer_than", type_=Integer)
    return select(*given.values()).where(fewer, *conditions)


def with_claims() -> Select[Any]:
    """Sessions, column by column as ``session_of`` takes them."""
    leased_until = func.coalesce(active_sessions.c.leased_until, 0.0)
    return select(*sessions.c, active_sessions.c.claim_id, leased_until).outerjoin_from(
        sessions, active_sessions, active_sessions.c.session_id == sessions.c.session_id
    )


def lock_those_met_by(connection: Connection, session: Session) -> list[Session]:
    """The sessions that a registration meets, locked, in one order so that two do not deadlock."""
    rows = connection.execute(
        select(sessions)
        .where(
            or_(
                sessions.c.token == session.token,
                sessions.c.identity == session.identity,
                sessions.c.activity_lock == session.activity_lock,
            )
        )
        .order_by(sessions.c.session_id)
        .with_for_update()
    ).all()
    # Asked afterwards: claims lock no session, and one that came in between is seen here.
    claims = {
        claim.session_id: (claim.claim_id, claim.leased_until)
        for claim in connection.execute(
            select(active_sessions)
            .where(active_sessions.c.session_id.in_([row.session_id for row in rows]))
            .with_for_update()
        )
    }
    return [session_of((*row, *claims.get(row.session_id, _UNCLAIMED))) for row in rows]


def write_resolution(
    connection: Connection, resolution: Resolution, met: Sequence[Session]
) -> None:
    if resolution.delete:
        connection.execute(delete(sessions).where(sessions.c.session_id.in_(resolution.delete)))
        leave(connection, active_sessions.c.session_id.in_(resolution.delete))
    if resolution.unlock:
        connection.execute(
            update(sessions)
            .where(sessions.c.session_id.in_(resolution.unlock))
            .values(activity_lock=sessions.c.session_id)
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
    if active_row(before) != active_row(row):
        leave(connection, active_sessions.c.session_id == row.session_id)
        enter(connection, row)


def session_row(session: Session) -> dict[str, Any]:
    return sessions_own(as_row(session))


def sessions_own(values: dict[str, Any]) -> dict[str, Any]:
    """Without the claim, which stands among the active ones."""
    return {name: value for name, value in values.items() if name in sessions.c}


def not_by_index(column: ColumnElement[T]) -> ColumnElement[T]:
    """A column whose index would go through a whole audience, where others name the rows: planners
    that have counted long ago choose it all the same."""
    return func.coalesce(column, column)


def session_of(row: Sequence[Any]) -> Session:
    # By position, since one is made for each push: the columns are the fields, in their order.
    values = list(row)
    values[_STATUS] = STATUSES.get(values[_STATUS], SessionStatus.UNKNOWN)
    values[_REFUSED] = values[_REFUSED] or 0  # a row of an earlier version says nothing of it
    return Session(*values)


def event_of(row: Row[*tuple[Any, ...]], **written: Any) -> StreamEvent:
    """The event of a row, with what has been `written` to it since it was read."""
    # By position, since one is made of each stream each minute: all columns, in their order.
    return read_event({**dict(zip(_OF_EVENT, row, strict=True)), **written})


def only_known(claimed: Iterable[Session]) -> list[Session]:
    """Without those of a status that this version does not know: they stay claimed, and untold."""
    return [session for session in claimed if session.status is not SessionStatus.UNKNOWN]
