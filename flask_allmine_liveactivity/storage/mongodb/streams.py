"""The streams' documents."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from flask_allmine_liveactivity.model import DUE_NOW, KINDS, Decide, StreamEvent
from flask_allmine_liveactivity.storage.mongodb.collections import Collections, chunks, contended
from flask_allmine_liveactivity.storage.mongodb.documents import (
    Document,
    changes_of,
    document_of,
    event_as_read,
    event_of,
)
from flask_allmine_liveactivity.storage.retries import ATTEMPTS, wait_for_others
from flask_allmine_liveactivity.storage.rules import LIFTED, alike, by_revision, rested_fields
from flask_allmine_liveactivity.storage.streams import Streams

_DUE: Final = {"due_at": DUE_NOW}


class MongoStreams(Streams):
    """A document for each stream, by its id.

    Args:
        collections: Where they are.
    """

    def __init__(self, collections: Collections) -> None:
        self._ready = collections.ready
        self._events = collections.events

    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        with self._ready():
            for attempt in range(ATTEMPTS):
                if attempt > 1:
                    wait_for_others(attempt - 1)
                raw = self._events.find_one({"_id": stream_id})
                current = None if raw is None else event_of(raw)
                row = decide(current)
                if row is None or row is current:
                    return current
                if raw is None or current is None:
                    new = document_of(row)
                    with contextlib.suppress(DuplicateKeyError):
                        self._events.insert_one(new)
                        return event_of(new)
                    continue
                changes = changes_of(current, row)
                if not changes:
                    return current
                written = self._events.find_one_and_update(
                    event_as_read(raw), {"$set": changes}, return_document=ReturnDocument.AFTER
                )
                if written is not None:
                    return event_of(written)
        raise contended()

    def read(self, stream_id: str) -> StreamEvent | None:
        with self._ready():
            raw = self._events.find_one({"_id": stream_id})
        return None if raw is None else event_of(raw)

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        with self._ready():
            due = self._events.find({"due_at": {"$lte": now}, "event": {"$in": [*KINDS, None]}})
            return [event_of(raw) for raw in due.sort("due_at", 1).limit(limit)]

    def held(self, limit: int) -> list[StreamEvent]:
        with self._ready():
            held = self._events.find({"held_since": {"$ne": None}})
            return [event_of(raw) for raw in held.sort("held_since", 1).limit(limit)]

    def stamp(self, events: Sequence[StreamEvent], at: int) -> dict[str, int]:
        stamped: dict[str, int] = {}
        with self._ready():
            for revision, ids in by_revision(events).items():
                these = {"_id": {"$in": ids}, "revision": revision}
                self._events.update_many(these, {"$max": {"timestamp": at}})
                rows = self._events.find(these, {"timestamp": 1})
                stamped |= {row["_id"]: int(row["timestamp"]) for row in rows}
        return stamped

    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        with self._ready():
            return sum(
                self._make(
                    {
                        "_id": {"$in": list(some)},
                        "revision": event.revision,
                        "touch": event.touch,
                    },
                    rested_fields(event, due_at),
                )
                for event, due_at, ids in alike(rests)
                for some in chunks(ids)
            )

    def recall(self, now: float) -> int:
        resting: Document = {
            "due_at": {"$gt": now},
            "held_since": None,
            "event": {"$in": list(KINDS)},
        }
        events: Any = self._events  # perhaps mongomock's, which knows no $mod
        is_odd = {"touch": {"$mod": [2, 1]}} if isinstance(events, Collection) else {}
        odd: dict[int, list[str]] = {}
        with self._ready():
            for row in events.find({**resting, **is_odd}, {"touch": 1}):
                touch = row.get("touch")
                if isinstance(touch, int) and touch % 2:
                    odd.setdefault(touch, []).append(row["_id"])
            return sum(
                self._make({"_id": {"$in": list(some)}, "touch": touch, **resting}, _DUE)
                for touch, ids in odd.items()
                for some in chunks(ids)
            )

    def lift(self, stream_id: str | None) -> int:
        held: Document = {"held_since": {"$ne": None}}
        if stream_id is not None:
            held["_id"] = stream_id
        with self._ready():
            return self._make(held, LIFTED)

    def _make(self, these: Document, values: Mapping[str, Any]) -> int:
        return self._events.update_many(these, {"$set": dict(values)}).matched_count

    def purge(self, before: float) -> int:
        with self._ready():
            return self._events.delete_many({"expires_at": {"$lt": before}}).deleted_count
