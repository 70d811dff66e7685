"""Sessions and events in two MongoDB collections.

There are no transactions here, so that a single server will do: every step is one guarded write
to one document, and whoever finds that another came in between looks again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, ReturnDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from flask_allmine_liveactivity.model import (
    Announcement,
    Counts,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    next_event,
)
from flask_allmine_liveactivity.storage.base import (
    NOTHING_TO_TELL,
    Outcome,
    Resolution,
    Resolve,
    Storage,
    changed_fields,
    grouped,
    never_ended,
    revived_fields,
    settled_fields,
)
from flask_allmine_liveactivity.storage.mongodb.documents import (
    ACTIVE,
    Document,
    as_read,
    contended,
    document_of,
    driver_errors,
    event_of,
    session_of,
    still_the_same,
    tries,
    untold,
)

# How long a majority of the replica set may take to acknowledge a write, in milliseconds.
WRITE_TIMEOUT = 10_000
# How many ids a statement names at the most: the planner's work grows with them.
CHUNK = 200

_OWNERLESS = {"user_id": None}


class MongoStorage(Storage):
    """Storage over a pymongo database.

    The host's client may read from secondaries or write with ``w=1``: claims and revisions would
    not survive that, so these collections read from the primary and write to a majority.

    Args:
        database: The host's, which stays open; ``client["allmine"]``.
        prefix: What the names of the two collections begin with.
        owned: Whether ``close()`` closes the client.
    """

    def __init__(
        self, database: Database[Any], prefix: str = "live_activity_", *, owned: bool = False
    ) -> None:
        self._database = database
        self._owned = owned
        self._sessions = self._pinned(prefix + "sessions")
        self._events = self._pinned(prefix + "events")
        self._prepared = False
        self._preparing = threading.Lock()

    def _pinned(self, name: str) -> Collection[Document]:
        return self._database.get_collection(
            name,
            codec_options=CodecOptions(),
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern(w="majority", wtimeout=WRITE_TIMEOUT),
            read_concern=ReadConcern("local"),
        )

    def prepare(self) -> None:
        with self._preparing, driver_errors():
            if self._prepared:
                return
            for unique in ("token", "identity", "hold"):
                self._sessions.create_index([(unique, ASCENDING)], unique=True)
            self._sessions.create_index(
                [("stream_id", ASCENDING), ("status", ASCENDING), ("due_at", ASCENDING)]
            )
            self._sessions.create_index([("user_id", ASCENDING), ("device_id", ASCENDING)])
            self._sessions.create_index([("expires_at", ASCENDING)])
            self._events.create_index([("due_at", ASCENDING)])
            self._events.create_index([("held_since", ASCENDING)])
            self._events.create_index([("expires_at", ASCENDING)])
            self._prepared = True

    def close(self) -> None:
        if self._owned:
            self._database.client.close()

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        if not self._prepared:
            self.prepare()
        with driver_errors():
            yield

    # --- registering -------------------------------------------------------------------------

    def register(self, session: Session, resolve: Resolve) -> Resolution:
        with self._ready():
            for attempt in tries():
                met = [] if attempt == 0 else self._met_by(session)
                resolution = resolve(met)
                if resolution.outcome in (Outcome.CONFLICT, Outcome.FULL):
                    if attempt == 0:  # decided without having looked
                        continue
                    return resolution
                with contextlib.suppress(DuplicateKeyError):
                    if self._written(resolution, met):
                        return resolution
        raise contended()

    def _met_by(self, session: Session) -> list[Session]:
        shared = [{key: getattr(session, key)} for key in ("token", "identity", "hold")]
        return [session_of(row) for row in self._sessions.find({"$or": shared}).sort("_id", 1)]

    def _written(self, resolution: Resolution, met: Sequence[Session]) -> bool:
        by_id = {row.session_id: row for row in met}
        for session_id in resolution.delete:
            if not self._sessions.delete_one(as_read(by_id[session_id])).deleted_count:
                return False
        for session_id in resolution.yield_hold:
            self._sessions.update_one(as_read(by_id[session_id]), {"$set": {"hold": session_id}})
        row = resolution.write
        if row is None:
            return True
        before = by_id.get(row.session_id)
        if before is None:
            self._sessions.insert_one(document_of(row))
            return True
        if (row.token, row.registered_at) == (before.token, before.registered_at):
            changes = changed_fields(before, row)
        else:
            # Another token or another life: what a worker has written meanwhile (his claim, his
            # wait) was of the old one.
            changes = document_of(row)
            del changes["_id"]
        if not changes:
            return True
        return bool(self._sessions.update_one(as_read(before), {"$set": changes}).matched_count)

    def count_of_user(self, user_id: str) -> int:
        with self._ready():
            return self._sessions.count_documents({"user_id": user_id})

    def make_room(self, user_id: str, rows: int, now: float) -> int:
        finished = {
            "user_id": user_id,
            "$or": [{"status": {"$ne": ACTIVE}}, {"expires_at": {"$lte": now}}],
        }
        with self._ready():
            found = self._sessions.find(finished, {"_id": 1}).sort("registered_at", 1).limit(rows)
            ids = [row["_id"] for row in found]
            return self._sessions.delete_many({"_id": {"$in": ids}, **finished}).deleted_count

    # --- events ------------------------------------------------------------------------------

    def announce(
        self, announcement: Announcement, now: float, *, only_at: int | None = None
    ) -> StreamEvent:
        stream_id = announcement.stream_id
        with self._ready():
            for _ in tries():
                row = self._events.find_one({"_id": stream_id})
                current = event_of(row) if row else None
                if only_at is not None and current is not None and current.revision != only_at:
                    return current
                event = next_event(current, announcement, now)
                if current is None:
                    with contextlib.suppress(DuplicateKeyError):
                        self._events.insert_one(document_of(event))
                        return event
                    continue
                # Late registrations may touch the event meanwhile, as often as they like: only
                # another announcement or a reopen is in the way.
                changes = document_of(event)
                del changes["touch"], changes["expires_at"], changes["_id"]
                written = self._events.find_one_and_update(
                    {"_id": stream_id, "revision": current.revision},
                    {
                        "$set": changes,
                        "$inc": {"touch": 1},
                        "$max": {"expires_at": event.expires_at},
                    },
                    return_document=ReturnDocument.AFTER,
                )
                if written is not None:
                    return event_of(written)
        raise contended()

    def touch(self, stream_id: str, expires_at: float, now: float) -> StreamEvent | None:
        to_tell = {"_id": stream_id, "event": {"$ne": None}}
        late = {"$inc": {"touch": 1}, "$max": {"expires_at": expires_at}}
        with self._ready():
            for _ in tries():
                # A held event is not made due; whether it is held may change between the two.
                for held, change in (
                    ({"held_since": None}, {**late, "$set": {"due_at": now}}),
                    ({"held_since": {"$ne": None}}, late),
                ):
                    row = self._events.find_one_and_update(
                        {**to_tell, **held}, change, return_document=ReturnDocument.AFTER
                    )
                    if row is not None:
                        return event_of(row)
                if self._events.find_one(to_tell) is None:
                    return None
        raise contended()

    def event(self, stream_id: str) -> StreamEvent | None:
        with self._ready():
            row = self._events.find_one({"_id": stream_id})
        return event_of(row) if row else None

    def due_events(self, now: float, limit: int) -> list[StreamEvent]:
        with self._ready():
            rows = self._events.find({"due_at": {"$lte": now}}).sort("due_at", 1).limit(limit)
            return [event_of(row) for row in rows]

    def held_events(self, limit: int) -> list[StreamEvent]:
        with self._ready():
            held = self._events.find({"held_since": {"$ne": None}})
            return [event_of(row) for row in held.sort("held_since", 1).limit(limit)]

    def rest(self, event: StreamEvent, due_at: float) -> bool:
        as_it_was = {"_id": event.stream_id, "revision": event.revision, "touch": event.touch}
        rested = {"due_at": due_at, "held_reason": None, "held_since": None}
        with self._ready():
            return bool(self._events.update_one(as_it_was, {"$set": rested}).matched_count)

    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        held = {"held_reason": reason, "held_since": since, "due_at": due_at}
        with self._ready():
            self._events.update_one(
                {"_id": event.stream_id, "revision": event.revision}, {"$set": held}
            )

    def lift(self, stream_id: str | None, now: float) -> int:
        held: Document = {"held_since": {"$ne": None}}
        if stream_id is not None:
            held["_id"] = stream_id
        lifted = {"held_reason": None, "held_since": None, "due_at": now}
        with self._ready():
            return self._events.update_many(held, {"$set": lifted}).matched_count

    def reopen(self, stream_id: str, now: float) -> StreamEvent:
        with self._ready():
            for _ in tries():
                row = self._events.find_one_and_update(
                    {"_id": stream_id},
                    {"$set": dict(NOTHING_TO_TELL), "$inc": {"revision": 1, "touch": 1}},
                    return_document=ReturnDocument.AFTER,
                )
                if row is not None:
                    return event_of(row)
                event = never_ended(stream_id, now)
                with contextlib.suppress(DuplicateKeyError):
                    self._events.insert_one(document_of(event))
                    return event
        raise contended()

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
    ) -> list[Session]:
        due = {"due_at": {"$lte": now}, "leased_until": {"$lte": now}}
        pending = {**untold(stream_id, revision), **due}
        taken: list[Session] = []
        with self._ready():
            while len(taken) < limit:
                most = min(CHUNK, limit - len(taken))
                found = self._sessions.find(pending, {"_id": 1}).sort("due_at", 1).limit(most)
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
                taken += [session_of(row) for row in ours]
        return taken

    def settle(self, settlements: Sequence[Settlement]) -> int:
        with self._ready():
            return sum(
                self._sessions.update_many(
                    still_the_same(settlement, group[begin : begin + CHUNK]),
                    {"$set": settled_fields(settlement)},
                ).matched_count
                for settlement, group in grouped(settlements)
                for begin in range(0, len(group), CHUNK)
            )

    def next_due(self, stream_id: str, revision: int) -> float | None:
        pending = untold(stream_id, revision)
        with self._ready():
            first = self._earliest(pending, "due_at")
            if first is None or not first["leased_until"]:
                return None if first is None else float(first["due_at"])
            # Those before the first free one are all in somebody's hands: they are few.
            free = self._earliest({**pending, "leased_until": 0.0}, "due_at")
            leased = {**pending, "leased_until": {"$gt": 0.0}}
            if free is not None:
                leased["due_at"] = {"$lt": free["due_at"]}
            in_hands = self._earliest(leased, "leased_until")
        times = [float(free["due_at"])] if free else []
        return min([*times, float(in_hands["leased_until"])] if in_hands else times, default=None)

    def _earliest(self, among: Document, by: str) -> Document | None:
        return self._sessions.find_one(
            among, {"due_at": 1, "leased_until": 1}, sort=[(by, ASCENDING)]
        )

    # --- what people ask for -----------------------------------------------------------------

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        dead: Document = {"status": SessionStatus.DEAD.value, "expires_at": {"$gt": now}}
        if stream_id is not None:
            dead["stream_id"] = stream_id
        with self._ready():
            counted = self._sessions.aggregate(
                [{"$match": dead}, {"$group": {"_id": "$stream_id", "rows": {"$sum": 1}}}]
            )
            by_stream = {row["_id"]: int(row["rows"]) for row in counted}
            self._sessions.update_many(dead, {"$set": revived_fields(now)})
        return by_stream

    def release(self, user_id: str, device_id: str) -> int:
        return self._disown({"user_id": user_id, "device_id": device_id}, {})

    def forget_user(self, user_id: str) -> int:
        orphaned = self._disown({"user_id": user_id}, {"device_id": ""})
        with self._ready():
            # Not what is active: it has registered since, and is to be told.
            erased = {"user_id": user_id, "status": {"$ne": ACTIVE}}
            return orphaned + self._sessions.delete_many(erased).deleted_count

    def _disown(self, of: Document, erased: Document) -> int:
        with self._ready():
            owned = {**of, "status": ACTIVE}
            ids = [row["_id"] for row in self._sessions.find(owned, {"_id": 1})]
            return sum(
                self._sessions.update_one(
                    {"_id": session_id, **owned},
                    {
                        "$set": {
                            **_OWNERLESS,
                            **erased,
                            "identity": session_id,
                            "hold": session_id,
                        }
                    },
                ).matched_count
                for session_id in ids
            )

    def purge(self, before: float) -> int:
        over = [{"expires_at": {"$lt": before}}, {**_OWNERLESS, "status": {"$ne": ACTIVE}}]
        with self._ready():
            return (
                self._sessions.delete_many({"$or": over}).deleted_count
                + self._events.delete_many({"expires_at": {"$lt": before}}).deleted_count
            )

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        of: Document = {} if stream_id is None else {"stream_id": stream_id}
        by_status = [
            {"$match": of},
            {"$group": {"_id": {"status": "$status", "reason": "$reason"}, "rows": {"$sum": 1}}},
        ]
        totals: dict[str, int] = {}
        dead: dict[str, int] = {}
        with self._ready():
            for row in self._sessions.aggregate(by_status):
                status, reason = row["_id"]["status"], row["_id"].get("reason") or ""
                totals[status] = totals.get(status, 0) + row["rows"]
                if status == SessionStatus.DEAD:
                    dead[reason] = dead.get(reason, 0) + row["rows"]
            waiting: dict[str, int] = {}
            pending, oldest = 0, None
            for row in self._pending(of, now):
                pending += 1
                since = max(row["token_seen_at"], row["told_since"])
                oldest = since if oldest is None else min(oldest, since)
                if row["reason"]:
                    waiting[row["reason"]] = waiting.get(row["reason"], 0) + 1
        return Counts(
            active=totals.get(ACTIVE, 0),
            pending=pending,
            oldest_pending_since=oldest,
            ended=totals.get(SessionStatus.ENDED, 0),
            waiting=waiting,
            dead=dead,
        )

    def _pending(self, of: Document, now: float) -> Iterator[Document]:
        """Stream by stream, since most streams that have ended have nobody left to tell."""
        to_tell = {"event": {"$ne": None}}
        if "stream_id" in of:
            to_tell["_id"] = of["stream_id"]
        wanted = {"token_seen_at": 1, "reason": 1}
        for event in self._events.find(to_tell, {"revision": 1, "timestamp": 1}):
            pending = {**untold(event["_id"], event["revision"]), "expires_at": {"$gt": now}}
            for row in self._sessions.find(pending, wanted):
                yield {**row, "told_since": float(event["timestamp"])}

    def sessions(
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
            return [session_of(row) for row in rows]
