"""Which sessions a statement is about."""

from __future__ import annotations

from collections.abc import Sequence

from flask_allmine_liveactivity.model import Session, SessionStatus, Settlement
from flask_allmine_liveactivity.storage.mongodb.documents import ACTIVE, Document


def untold(stream_id: str | Document, revision: int) -> Document:
    """Those that are still to be told, of a stream or of several."""
    return {"stream_id": stream_id, "status": ACTIVE, "delivered": {"$lt": revision}}


def waiting_since_before(stream_ids: Sequence[str], revision: int, now: float) -> Document:
    """Those that wait since a push of an earlier revision was refused."""
    return {
        **untold({"$in": list(stream_ids)}, revision),
        "due_at": {"$gt": now},
        "leased_until": {"$lte": now},
        # One of an earlier version says nothing of it.
        "refused": {"$not": {"$gte": revision}},
    }


def refused_at(now: float, stream_id: str | None = None) -> Document:
    """Those that ``revive`` is about, of a stream or of all."""
    waits = {"status": ACTIVE, "$or": [{"attempts": {"$gt": 0}}, {"reason": {"$ne": None}}]}
    of: Document = {} if stream_id is None else {"stream_id": stream_id}
    return {
        **of,
        "$or": [{"status": SessionStatus.DEAD.value}, waits],
        "expires_at": {"$gt": now},
        "leased_until": {"$lte": now},
    }


def still_the_same(settlement: Settlement, group: Sequence[Session]) -> Document:
    """Where a settlement counts, for a group of sessions that become the same."""
    same: Document
    if settlement.whoever_holds_the_lease:
        same = {
            "token": {"$in": [session.token for session in group]},
            "stream_id": {"$in": list({session.stream_id for session in group})},
        }
        if settlement.is_told:
            same["delivered"] = {"$lt": settlement.delivered}
        if settlement.status is SessionStatus.ACTIVE:
            # Who is over stays so, however late an answer to an update comes.
            same["status"] = ACTIVE
    else:
        same = {
            "_id": {"$in": [session.session_id for session in group]},
            "claim_id": settlement.session.claim_id,
        }
    if settlement.not_seen_after is not None:
        same["token_seen_at"] = {"$lte": settlement.not_seen_after}
    return same
