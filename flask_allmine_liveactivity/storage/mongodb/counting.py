"""How many sessions stand where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flask_allmine_liveactivity.model import END, UPDATE, Counts, SessionStatus
from flask_allmine_liveactivity.model.stream import FOUND
from flask_allmine_liveactivity.storage.mongodb.collections import Collections
from flask_allmine_liveactivity.storage.mongodb.conditions import untold
from flask_allmine_liveactivity.storage.mongodb.documents import ACTIVE, Document
from flask_allmine_liveactivity.storage.reading import STATUSES


def count(collections: Collections, now: float, stream_id: str | None) -> Counts:
    """Count sessions, over all streams or in one."""
    of: Document = {} if stream_id is None else {"stream_id": stream_id}
    is_told = {"$cond": [{"$gt": ["$delivered", 0]}, 1, 0]}
    by_status = [
        {"$match": of},
        {
            "$group": {
                "_id": {"status": "$status", "reason": "$reason"},
                "rows": {"$sum": 1},
                "told": {"$sum": is_told},
            }
        },
    ]
    totals: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    updated = 0
    with collections.ready():
        for row in collections.sessions.aggregate(by_status):
            status, reason = row["_id"]["status"], row["_id"].get("reason")
            totals[status] += row["rows"]
            if status == SessionStatus.DEAD:
                dead[reason or ""] += row["rows"]
            if status == ACTIVE and reason is None:
                updated += row["told"]
        untold = _count_untold(collections, now, stream_id)
    return Counts(
        active=totals[ACTIVE],
        pending=untold.pending,
        oldest_pending_since=untold.oldest_pending_since,
        updates_pending=untold.updates_pending,
        oldest_update_since=untold.oldest_update_since,
        updated=updated,
        ended=totals[SessionStatus.ENDED.value],
        waiting=untold.waiting,
        next_tries=untold.next_tries,
        dead=dead,
        unknown=sum(rows for status, rows in totals.items() if status not in STATUSES),
        ends_found=untold.ends_found,
    )


@dataclass(slots=True)
class _Untold:
    """Who is still to be told; as ``Counts`` has it."""

    pending: int = 0
    oldest_pending_since: float | None = None
    updates_pending: int = 0
    oldest_update_since: float | None = None
    waiting: Counter[str] = field(default_factory=Counter)
    next_tries: dict[str, float] = field(default_factory=dict)
    ends_found: int = 0

    def add(self, kind: str, group: Document, told_since: float) -> None:
        """Those of one stream whose last refusal had the same reason, or who had none."""
        # The latest of both, for the one that was seen first.
        since = max(float(group["seen"]), told_since)
        if kind == UPDATE:
            self.updates_pending += group["rows"]
            self.oldest_update_since = _earlier(self.oldest_update_since, since)
        else:
            self.pending += group["rows"]
            self.oldest_pending_since = _earlier(self.oldest_pending_since, since)
        if reason := group["_id"]:
            self.waiting[reason] += group["rows"]
            due_at = float(group["due_at"])
            self.next_tries[reason] = _earlier(self.next_tries.get(reason), due_at)


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _count_untold(collections: Collections, now: float, stream_id: str | None) -> _Untold:
    """Stream by stream, since most streams that have ended have nobody left to tell."""
    to_tell: Document = {"event": {"$ne": None}}
    if stream_id is not None:
        to_tell["_id"] = stream_id
    of_event = {"event": 1, "source": 1, "revision": 1, "timestamp": 1, "announced_at": 1}
    by_reason = {
        "$group": {
            "_id": "$reason",
            "rows": {"$sum": 1},
            "seen": {"$min": "$token_seen_at"},
            "due_at": {"$min": "$due_at"},
        }
    }
    untold_ones = _Untold()
    for event in collections.events.find(to_tell, of_event):
        kind = event["event"]
        untold_ones.ends_found += kind == END and event.get("source") == FOUND
        since = event.get("announced_at")
        if since is None:
            since = event.get("timestamp", 0.0)
        those = {**untold(event["_id"], event.get("revision", 0)), "expires_at": {"$gt": now}}
        for group in collections.sessions.aggregate([{"$match": those}, by_reason]):
            untold_ones.add(kind, group, float(since))
    return untold_ones
