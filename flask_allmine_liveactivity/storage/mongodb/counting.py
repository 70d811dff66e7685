"""How many sessions stand where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from flask_allmine_liveactivity.model import Counts, SessionStatus
from flask_allmine_liveactivity.storage.mongodb.collections import Collections
from flask_allmine_liveactivity.storage.mongodb.conditions import untold
from flask_allmine_liveactivity.storage.mongodb.documents import ACTIVE, Document
from flask_allmine_liveactivity.storage.reading import STATUSES


def count(collections: Collections, now: float, stream_id: str | None) -> Counts:
    """Count sessions, over all streams or in one."""
    of: Document = {} if stream_id is None else {"stream_id": stream_id}
    by_status = [
        {"$match": of},
        {"$group": {"_id": {"status": "$status", "reason": "$reason"}, "rows": {"$sum": 1}}},
    ]
    totals: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    next_tries: dict[str, float] = {}
    pending, oldest = 0, None
    with collections.ready():
        for row in collections.sessions.aggregate(by_status):
            status, reason = row["_id"]["status"], row["_id"].get("reason") or ""
            totals[status] += row["rows"]
            if status == SessionStatus.DEAD:
                dead[reason] += row["rows"]
        for row in _pending(collections, now, stream_id):
            pending += 1
            since = max(row["token_seen_at"], row["told_since"])
            oldest = since if oldest is None else min(oldest, since)
            if reason := row.get("reason"):
                waiting[reason] += 1
                due_at = float(row["due_at"])
                next_tries[reason] = min(due_at, next_tries.get(reason, due_at))
    return Counts(
        active=totals[ACTIVE],
        pending=pending,
        oldest_pending_since=oldest,
        ended=totals[SessionStatus.ENDED.value],
        waiting=waiting,
        next_tries=next_tries,
        dead=dead,
        unknown=sum(rows for status, rows in totals.items() if status not in STATUSES),
    )


def _pending(collections: Collections, now: float, stream_id: str | None) -> Iterator[Document]:
    """Stream by stream, since most streams that have ended have nobody left to tell."""
    to_tell: Document = {"event": {"$ne": None}}
    if stream_id is not None:
        to_tell["_id"] = stream_id
    wanted = {"token_seen_at": 1, "reason": 1, "due_at": 1}
    of_event = {"revision": 1, "timestamp": 1, "announced_at": 1}
    for event in collections.events.find(to_tell, of_event):
        pending = {**untold(event["_id"], event.get("revision", 0)), "expires_at": {"$gt": now}}
        for row in collections.sessions.find(pending, wanted):
            since = event.get("announced_at")
            if since is None:
                since = event.get("timestamp", 0.0)
            yield {**row, "told_since": float(since)}
