"""The streams' documents."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from flask_allmine_liveactivity.model import DUE_NOW, END, KINDS, Decide, StreamEvent, new_id
from flask_allmine_liveactivity.storage.mongodb.collections import Collections, chunks, contended
from flask_allmine_liveactivity.storage.mongodb.documents import (
    ACTIVE,
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
_TOLD_HERE: Final = {"event": {"$in": [*KINDS, None]}}


class MongoStreams(Streams):
    """A document for each stream, by its id.

    Args:
        collections: Where they are.
    """

    def __init__(self, collections: Collections) -> None:
        self._ready = collections.ready
        self._events = collections.events
        self._sessions = collections.sessions

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
            due = self._events.find({"due_at": {"$lte": now}, **_TOLD_HERE})
            return [event_of(raw) for raw in due.sort("due_at", 1).limit(limit)]

    def first_due(self) -> float | None:
        with self._ready():
            first = self._events.find_one(_TOLD_HERE, {"due_at": 1}, sort=[("due_at", 1)])
        due_at = first.get("due_at") if first is not None else None
        return float(due_at) if isinstance(due_at, int | float) else None

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        due = {"check_at": {"$lte": now}}
        # By this each finds what he has taken: of two that found the same ones, one has got it.
        taken_by = new_id()
        taken: list[StreamEvent] = []
        with self._ready():
            found = self._events.find(due, {"_id": 1}).sort("check_at", 1).limit(limit)
            for ids in chunks([row["_id"] for row in found]):
                these = {"_id": {"$in": list(ids)}}
                self._make({**these, **due}, {"check_at": again_at, "asked_by": taken_by})
                ours = self._events.find({**these, "asked_by": taken_by})
                taken += [event_of(raw) for raw in ours]
        return taken

    def begin(self, events: Sequence[StreamEvent], at: float) -> None:
        with self._ready():
            for revision, ids in by_revision(events).items():
                for some in chunks(ids):
                    these = {"_id": {"$in": list(some)}, "revision": revision}
                    self._make(these, {"told_at": at})

    def adopt(self, now: float) -> int:
        adopted = 0
        with self._ready():
            streams = self._sessions.distinct("stream_id", {"status": ACTIVE})
        for some in chunks(streams):
            these: Document = {"_id": {"$in": list(some)}}
            with self._ready():
                there = {row["_id"] for row in self._events.find(these, {"_id": 1})}
                unasked = {**these, "check_at": None, "event": None}
                adopted += self._make(unasked, {"check_at": now})
            for stream_id in set(some) - there:
                self.wake(stream_id, now, now, ask_at=now)
                adopted += 1
        return adopted

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
            "event": END,
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
