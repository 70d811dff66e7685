"""Sessions of many small streams, claimed by the page: not one stream after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select, union_all

from flask_allmine_liveactivity.model import Session, StreamEvent
from flask_allmine_liveactivity.storage.sql.active_rows import claimable
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.rows import only_known, session_of
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, events, sessions

# So many streams are claimed from in one statement; it is built once, for so many.
PAGE = 50
# No stream has this id: it stands in the places of a page that is not full.
NO_STREAM = ""

_STREAM, _REVISION = "stream_{}".format, "revision_{}".format


class SessionPages:
    """Claims of many streams, each within a transaction of the caller's.

    Args:
        database: Whose manner they are in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        among = database.among
        claim = bindparam("claim", type_=active_sessions.c.claim_id.type)
        until = bindparam("until", type_=active_sessions.c.leased_until.type)
        free = (
            active_sessions.c.due_at <= bindparam("now"),
            active_sessions.c.leased_until <= bindparam("now"),
        )
        # Asked again of what is locked: MariaDB locks the latest version of a row, and has found it
        # in an older one.
        self._claim, self._claim_in_turn = (
            database.claiming(
                select(active_sessions.c.session_id).where(
                    active_sessions.c.session_id.in_(_of_each_stream(round_robin=round_robin)),
                    *free,
                ),
                {"claim_id": claim, "leased_until": until},
            )
            for round_robin in (False, True)
        )
        self._read = select(*sessions.c, claim, until).where(among(sessions.c.session_id))

    def claim(
        self,
        connection: Connection,
        events: Sequence[StreamEvent],
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
        round_robin: bool,
    ) -> list[Session]:
        """Claim up to `limit` of each of at most ``PAGE`` streams, as ``Claims.claim_each``.

        Their events are of one kind: with `round_robin` they are updates.
        """
        taken = {"claim": claim_id, "until": leased_until}
        page: dict[str, Any] = {"now": now, "limit": limit}
        for place in range(PAGE):
            event = events[place] if place < len(events) else None
            page[_STREAM(place)] = event.stream_id if event else NO_STREAM
            page[_REVISION(place)] = event.revision if event else 0
        claim = self._claim_in_turn if round_robin else self._claim
        ids = claim(connection, {**page, **taken})
        if not ids:
            return []
        rows = connection.execute(self._read, {**taken, **self._database.these(ids)}).all()
        return only_known(session_of(row) for row in rows)

    def behind(self, these: Sequence[StreamEvent]) -> Select[Any]:
        """The ids of the streams of whom anybody is still to be told."""
        first = (
            select(active_sessions.c.session_id)
            .where(
                active_sessions.c.stream_id == events.c.stream_id,
                active_sessions.c.delivered < events.c.revision,
            )
            # By the index that has it in this order: of a million told none is looked at.
            .order_by(active_sessions.c.delivered)
            .limit(1)
            .scalar_subquery()
        )
        ids = [event.stream_id for event in these]
        return select(events.c.stream_id).where(
            self._database.among(events.c.stream_id, ids), first.is_not(None)
        )


def _of_each_stream(*, round_robin: bool) -> Select[Any]:
    """The ids of those who can be claimed, up to a limit of each stream: a million of one do not
    push the others out."""
    each = [
        select(
            claimable(
                bindparam(_STREAM(place)),
                bindparam(_REVISION(place)),
                bindparam("now"),
                round_robin=round_robin,
            )
            .limit(bindparam("limit", type_=Integer))
            .subquery()
        )
        for place in range(PAGE)
    ]
    return select(union_all(*each).subquery())
