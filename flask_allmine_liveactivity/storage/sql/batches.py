"""What a fan-out executes for each batch: statements that are built once, not once a batch.

To build one anew takes SQLAlchemy longer than it takes SQLite to change a hundred rows, and other
threads of the process wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, and_, bindparam, delete, select, update

from flask_allmine_liveactivity.model import NEVER, Session, SessionStatus, Settlement
from flask_allmine_liveactivity.storage.rules import settled_fields
from flask_allmine_liveactivity.storage.sql.active_rows import (
    ACTIVE,
    claimable,
    enter_whoever_is_missing,
)
from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.rows import (
    not_by_index,
    only_known,
    session_of,
    sessions_own,
)
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

# The parameters that a settlement's fields are bound to: one with a column's own name would be
# taken for a value of that column.
_NEW = "new_{}".format
# The name of the parameter that holds the streams of a group.
STREAMS = "streams"
# Above every revision: whatever it has been told.
_ANY = 2**62
_SETTLED = tuple(field.name for field in fields(Settlement) if field.name in sessions.c)


class Batches:
    """Claims and settlements, each within a transaction of the caller's.

    Args:
        database: Whose manner they are in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        among = database.among
        claim = bindparam("claim", type_=active_sessions.c.claim_id.type)
        until = bindparam("until", type_=active_sessions.c.leased_until.type)
        self._claim, self._claim_in_turn = (
            database.claiming(
                claimable(
                    bindparam("stream"),
                    bindparam("revision"),
                    bindparam("now"),
                    round_robin=round_robin,
                ).limit(bindparam("portion", type_=Integer)),
                {"claim_id": claim, "leased_until": until},
            )
            for round_robin in (False, True)
        )
        self._read = select(*sessions.c, claim, until).where(among(sessions.c.session_id))

        new = {name: bindparam(_NEW(name), type_=sessions.c[name].type) for name in _SETTLED}
        not_seen_since = sessions.c.token_seen_at <= bindparam("not_seen_after")
        by_token = (
            among(sessions.c.token),
            among(not_by_index(sessions.c.stream_id), name=STREAMS),
            not_seen_since,
            sessions.c.delivered < bindparam("told_below", type_=BigInteger),
        )
        self._end_by_token = database.updating(and_(*by_token), new)
        # Who is over stays so, however late an answer to an update comes.
        self._update_by_token = database.updating(and_(*by_token, ACTIVE), new)
        # Two tables and a condition, since SQLAlchemy's ``join()`` compiles code when it is first
        # called: that may be on the way out of an interrupted process, whose exit status CPython
        # would then make 1 instead of SIGINT's.
        self._still_claimed = (
            select(sessions.c.session_id)
            .where(
                active_sessions.c.session_id == sessions.c.session_id,
                among(sessions.c.session_id),
                active_sessions.c.claim_id == claim,
                not_seen_since,
            )
            .with_for_update()
        )
        self._settle_by_id = database.updating(among(sessions.c.session_id), new)
        here = among(active_sessions.c.session_id)
        self._leave = delete(active_sessions).where(here)
        self._wait_on = (
            update(active_sessions)
            .where(here)
            .values(
                delivered=new["delivered"], due_at=new["due_at"], claim_id=None, leased_until=0.0
            )
        )

    def claim(
        self,
        connection: Connection,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        portion: int,
        now: float,
        leased_until: float,
        round_robin: bool,
    ) -> list[Session]:
        """Claim a portion of the active sessions, as ``Claims.claim``."""
        taken = {"claim": claim_id, "until": leased_until}
        wanted = {"stream": stream_id, "revision": revision, "now": now, "portion": portion}
        claim = self._claim_in_turn if round_robin else self._claim
        ids = claim(connection, {**wanted, **taken})
        if not ids:
            return []
        # Only now: a token that changed before the claim is read as it has become, and one that
        # changes after it takes the claim away.
        rows = connection.execute(self._read, {**taken, **self._database.these(ids)}).all()
        return only_known(session_of(row) for row in rows)

    def settle(
        self, connection: Connection, settlement: Settlement, group: Sequence[Session]
    ) -> int:
        """Settle a group that becomes the same; returns for how many it counted."""
        settled = sessions_own(settled_fields(settlement))
        new = {_NEW(name): value for name, value in settled.items()}
        these = self._database.these
        latest = settlement.not_seen_after
        not_seen = {"not_seen_after": NEVER if latest is None else latest}
        if settlement.whoever_holds_the_lease:
            tokens = these([session.token for session in group])
            streams = these(list({session.stream_id for session in group}), STREAMS)
            runs_on = settlement.status is SessionStatus.ACTIVE
            settle = self._update_by_token if runs_on else self._end_by_token
            below = {"told_below": settlement.delivered if settlement.is_told else _ANY}
            ids = settle(connection, {**new, **tokens, **streams, **not_seen, **below})
        else:
            ours = these([session.session_id for session in group])
            claim = {"claim": settlement.session.claim_id}
            asked: dict[str, Any] = {**ours, **claim, **not_seen}
            still = connection.scalars(self._still_claimed, asked).all()
            ids = self._settle_by_id(connection, {**new, **these(still)}) if still else []
        if ids:
            self._wait_as_settled(connection, settlement, ids)
        return len(ids)

    def _wait_as_settled(
        self, connection: Connection, settlement: Settlement, ids: Sequence[str]
    ) -> None:
        these = self._database.these(ids)
        if settlement.status is not SessionStatus.ACTIVE:
            connection.execute(self._leave, these)
            return
        due = {_NEW(name): getattr(settlement, name) for name in ("delivered", "due_at")}
        if connection.execute(self._wait_on, {**due, **these}).rowcount < len(ids):
            # Somebody else had settled them for good.
            among = self._database.among(sessions.c.session_id, ids)
            enter_whoever_is_missing(connection, among)
