"""The sessions' documents: claimed, settled, released and listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from pymongo import ASCENDING

from flask_allmine_liveactivity.model import (
    NEVER,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
)
from flask_allmine_liveactivity.storage.mongodb.collections import CHUNK, Collections, chunks
from flask_allmine_liveactivity.storage.mongodb.conditions import (
    refused_at,
    still_the_same,
    untold,
    waiting_since_before,
)
from flask_allmine_liveactivity.storage.mongodb.documents import (
    ACTIVE,
    Document,
    fields_of,
    session_of,
)
from flask_allmine_liveactivity.storage.mongodb.registering import Registering
from flask_allmine_liveactivity.storage.resolution import Resolution, Resolve
from flask_allmine_liveactivity.storage.rules import (
    NO_LONGER_WAITS,
    begun_anew,
    by_revision,
    disowned,
    forgotten,
    grouped,
    settled_fields,
)
from flask_allmine_liveactivity.storage.sessions import Sessions

# Where fewer than so many of a page of streams are still to be told, one look shows them all.
FEW: Final = 500


class MongoSessions(Sessions):
    """A document for each session, by its id; its claim is in it.

    Args:
        collections: Where they are.
    """

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._ready = collections.ready
        self._sessions = collections.sessions

    def register(
        self, session: Session, resolve: Resolve, *, at_most: int | None = None
    ) -> Resolution:
        return Registering(self._collections, session, at_most).by(resolve)

    def count_of_user(self, user_id: str) -> int:
        with self._ready():
            return self._sessions.count_documents({"user_id": user_id})

    # --- delivering --------------------------------------------------------------------------

    def claim(
        self,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
        round_robin: bool = False,
    ) -> list[Session]:
        in_turn = [("delivered", ASCENDING)] if round_robin else []
        due = {"due_at": {"$lte": now}, "leased_until": {"$lte": now}}
        pending = {**untold(stream_id, revision), **due}
        taken: list[Session] = []
        with self._ready():
            while len(taken) < limit:
                most = min(CHUNK, limit - len(taken))
                found = (
                    self._sessions.find(pending, {"_id": 1})
                    .sort([*in_turn, ("due_at", ASCENDING)])
                    .limit(most)
                )
                ids = [row["_id"] for row in found]
                if not ids:
                    break
                # Guarded once more: of two workers that found the same ids each takes what the
                # other has not, and the claim id says which those are.
                self._sessions.update_many(
                    {"_id": {"$in": ids}, **pending},
                    {"$set": {"claim_id": claim_id, "leased_until": leased_until}},
                )
                ours = self._sessions.find({"_id": {"$in": ids}, "claim_id": claim_id})
                claimed = [session_of(raw) for raw in ours]
                # What cannot be read stays claimed, and untold.
                taken += [row for row in claimed if row.status is not SessionStatus.UNKNOWN]
        return taken

    def settle(self, settlements: Sequence[Settlement]) -> int:
        with self._ready():
            return sum(
                self._sessions.update_many(
                    still_the_same(settlement, some), {"$set": settled_fields(settlement)}
                ).matched_count
                for settlement, group in grouped(settlements)
                for some in chunks(group)
            )

    def next_due(self, stream_id: str, revision: int, *, round_robin: bool = False) -> float | None:
        pending = untold(stream_id, revision)
        if round_robin:
            return self._next_due_in_turn(pending)
        with self._ready():
            first = self._earliest(pending, "due_at")
            if first is None or not first.get("leased_until"):
                return None if first is None else _claimable_at(first)
            # Those before the first free one are all in somebody's hands: they are few.
            free = self._earliest({**pending, "leased_until": 0.0}, "due_at")
            leased = {**pending, "leased_until": {"$gt": 0.0}}
            if free is not None:
                leased["due_at"] = {"$lt": free["due_at"]}
            in_hands = self._earliest(leased, "leased_until")
        return min([_claimable_at(row) for row in (free, in_hands) if row], default=None)

    def _next_due_in_turn(self, pending: Document) -> float | None:
        """Through those who wait, by the index that has those who have been told after them."""
        wanted = {"due_at": 1, "leased_until": 1}
        with self._ready():
            found = self._sessions.find(pending, wanted).sort(
                [("delivered", ASCENDING), ("due_at", ASCENDING)]
            )
            return min(map(_claimable_at, found), default=None)

    def forget_refusals(self, events: Sequence[StreamEvent], now: float) -> int:
        with self._ready():
            return sum(
                self._sessions.update_many(
                    waiting_since_before(some, revision, now), {"$set": dict(NO_LONGER_WAITS)}
                ).matched_count
                for revision, stream_ids in by_revision(events).items()
                for some in chunks(stream_ids)
            )

    def _earliest(self, among: Document, by: str) -> Document | None:
        return self._sessions.find_one(
            among, {"due_at": 1, "leased_until": 1}, sort=[(by, ASCENDING)]
        )

    def next_due_of_each(self, events: Sequence[StreamEvent]) -> dict[str, float]:
        dues: dict[str, float] = {}
        wanted = {"stream_id": 1, "due_at": 1, "leased_until": 1}
        with self._ready():
            for revision, stream_ids in by_revision(events).items():
                for some in chunks(stream_ids):
                    pending = untold({"$in": list(some)}, revision)
                    found = list(self._sessions.find(pending, wanted).limit(FEW).batch_size(FEW))
                    if len(found) == FEW:  # there may be more of any of them
                        given = {
                            stream_id: self.next_due(stream_id, revision) for stream_id in some
                        }
                        dues |= {key: due_at for key, due_at in given.items() if due_at is not None}
                        continue
                    for row in found:
                        of = row["stream_id"]
                        dues[of] = min(_claimable_at(row), dues.get(of, NEVER))
        return dues

    # --- what people ask for -----------------------------------------------------------------

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        by = {"stream_id": "$stream_id", "status": "$status"}
        there = [{"$match": refused_at(now, stream_id)}, {"$group": {"_id": by}}]
        revived: Counter[str] = Counter()
        with self._ready():
            # Stream by stream: each that gains a session is named, and no other gains one.
            for row in list(self._sessions.aggregate(there)):
                of, status = row["_id"]["stream_id"], SessionStatus(row["_id"]["status"])
                revived[of] += self._sessions.update_many(
                    {**refused_at(now, of), "status": status.value}, {"$set": begun_anew(status)}
                ).matched_count
        return dict(+revived)

    def release(self, user_id: str, device_id: str) -> int:
        return self._give_up({"user_id": user_id, "device_id": device_id}, disowned)

    def forget_user(self, user_id: str) -> int:
        orphaned = self._give_up({"user_id": user_id}, forgotten)
        with self._ready():
            # Not what is active: it has registered since, and is to be told.
            erased = {"user_id": user_id, "status": {"$ne": ACTIVE}}
            return orphaned + self._sessions.delete_many(erased).deleted_count

    def _give_up(self, of: Document, becomes: Callable[[Any], dict[str, Any]]) -> int:
        """One write a session: where the process dies in between, those that are left are still
        the user's, all are still to be told, and who asks again goes on with the rest."""
        owned = {**of, "status": ACTIVE}
        with self._ready():
            ids = [row["_id"] for row in self._sessions.find(owned, {"_id": 1})]
            return sum(
                self._sessions.update_one(
                    {"_id": session_id, **owned}, {"$set": fields_of(becomes(session_id))}
                ).matched_count
                for session_id in ids
            )

    def purge(self, before: float) -> int:
        over = [{"expires_at": {"$lt": before}}, {"user_id": None, "status": {"$ne": ACTIVE}}]
        with self._ready():
            return self._sessions.delete_many({"$or": over}).deleted_count

    def page(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        wanted: Document = {"_id": {"$gt": after}}
        for name, value in (("stream_id", stream_id), ("user_id", user_id), ("status", status)):
            if value is not None:
                wanted[name] = str(value)
        with self._ready():
            rows = self._sessions.find(wanted).sort("_id", 1).limit(limit)
            return [session_of(raw) for raw in rows]


def _claimable_at(row: Document) -> float:
    at = row.get("leased_until") or row.get("due_at")
    return float(at) if isinstance(at, int | float) else NEVER  # it cannot be read, nor claimed
