"""Sessions in dictionaries."""

from __future__ import annotations

import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_allmine_liveactivity.model import Session, SessionStatus, Settlement, StreamEvent
from flask_allmine_liveactivity.storage.resolution import (
    FULL,
    OVER,
    Resolution,
    Resolve,
    rows_too_many,
)
from flask_allmine_liveactivity.storage.rules import (
    NO_LONGER_WAITS,
    begun_anew,
    disowned,
    forgotten,
    settled_fields,
)
from flask_allmine_liveactivity.storage.sessions import Sessions


class MemorySessions(Sessions):
    """Sessions by their ids, and by whatever is unique of them.

    .. versionadded:: 0.1.0
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[str, Session] = {}
        self._unique: dict[tuple[str, str], str] = {}
        self._active: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def all(self) -> list[Session]:
        """All of them, in the order of their coming."""
        with self._lock:
            return list(self._rows.values())

    def _put(self, row: Session) -> None:
        self._drop(row.session_id)
        self._rows[row.session_id] = row
        for key in _unique_keys(row):
            self._unique[key] = row.session_id
        if row.status is SessionStatus.ACTIVE:
            self._active[row.stream_id][row.session_id] = None

    def _drop(self, session_id: str) -> None:
        row = self._rows.pop(session_id, None)
        if row is None:
            return
        for key in _unique_keys(row):
            if self._unique.get(key) == session_id:
                del self._unique[key]
        active = self._active[row.stream_id]
        active.pop(session_id, None)
        if not active:
            del self._active[row.stream_id]

    def register(
        self, session: Session, resolve: Resolve, *, at_most: int | None = None
    ) -> Resolution:
        with self._lock:
            ids = {self._unique[key] for key in _unique_keys(session) if key in self._unique}
            met = [self._rows[session_id] for session_id in sorted(ids)]
            resolution = resolve(met)
            if not resolution.outcome.is_stored:
                return resolution
            making_way: list[Session] = []
            if at_most is not None and session.user_id is not None:
                there = self.count_of_user(session.user_id)
                too_many = rows_too_many(resolution, met, session.user_id, there, at_most)
                making_way = self._finished(session.user_id, session.registered_at)[:too_many]
                if len(making_way) < too_many:
                    return FULL
            for session_id in resolution.delete:
                self._drop(session_id)
            for session_id in resolution.unlock:
                self._put(replace(self._rows[session_id], activity_lock=session_id))
            self._drop_all(making_way)
            if resolution.write is not None:
                self._put(resolution.write)
            return resolution

    def count_of_user(self, user_id: str) -> int:
        with self._lock:
            return sum(row.user_id == user_id for row in self._rows.values())

    def _finished(self, user_id: str, now: float) -> list[Session]:
        finished = [
            row
            for row in self._rows.values()
            if row.user_id == user_id and (row.status in OVER or row.expires_at <= now)
        ]
        return sorted(finished, key=lambda row: row.registered_at)

    def _drop_all(self, rows: Iterable[Session]) -> int:
        ids = [row.session_id for row in rows]
        for session_id in ids:
            self._drop(session_id)
        return len(ids)

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
        def first(row: Session) -> tuple[int, float]:
            return (row.delivered if round_robin else 0), row.due_at

        with self._lock:
            rows = (self._rows[session_id] for session_id in self._active.get(stream_id, ()))
            free = (
                row
                for row in rows
                if row.delivered < revision and max(row.due_at, row.leased_until) <= now
            )
            taken = [
                replace(row, claim_id=claim_id, leased_until=leased_until)
                for row in heapq.nsmallest(limit, free, key=first)
            ]
            for row in taken:
                self._rows[row.session_id] = row
            return taken

    def settle(self, settlements: Sequence[Settlement]) -> int:
        with self._lock:
            counted = 0
            for settlement in settlements:
                row = self._still_the_same(settlement)
                if row is None:
                    continue
                counted += 1
                self._put(_changed(row, settled_fields(settlement)))
            return counted

    def _still_the_same(self, settlement: Settlement) -> Session | None:
        session = settlement.session
        if settlement.whoever_holds_the_lease:
            row = self._rows.get(self._unique.get(("token", session.token), ""))
            same = row is not None and _counts_for(row, settlement)
        else:
            row = self._rows.get(session.session_id)
            same = row is not None and row.claim_id == session.claim_id
        if row is None or not same:
            return None
        limit = settlement.not_seen_after
        return row if limit is None or row.token_seen_at <= limit else None

    def next_due(self, stream_id: str, revision: int, *, round_robin: bool = False) -> float | None:
        with self._lock:
            rows = (self._rows[session_id] for session_id in self._active.get(stream_id, ()))
            return min(
                (row.leased_until or row.due_at for row in rows if row.delivered < revision),
                default=None,
            )

    def forget_refusals(self, events: Sequence[StreamEvent], now: float) -> int:
        with self._lock:
            waiting = [
                row
                for event in events
                for row in (self._rows[key] for key in self._active.get(event.stream_id, ()))
                if max(row.delivered, row.refused) < event.revision
                and row.due_at > now >= row.leased_until
            ]
            for row in waiting:
                self._put(_changed(row, NO_LONGER_WAITS))
            return len(waiting)

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        with self._lock:
            revived: Counter[str] = Counter()
            for row in list(self._rows.values()):
                if stream_id in (None, row.stream_id) and _was_refused(row, now):
                    revived[row.stream_id] += 1
                    self._put(_changed(row, begun_anew(row.status)))
            return dict(revived)

    def _active_rows_of(self, user_id: str) -> list[Session]:
        return [
            row
            for row in self._rows.values()
            if row.user_id == user_id and row.status is SessionStatus.ACTIVE
        ]

    def release(self, user_id: str, device_id: str) -> int:
        with self._lock:
            rows = [row for row in self._active_rows_of(user_id) if row.device_id == device_id]
            for row in rows:
                self._put(_changed(row, disowned(row.session_id)))
            return len(rows)

    def forget_user(self, user_id: str) -> int:
        with self._lock:
            active = self._active_rows_of(user_id)
            for row in active:
                self._put(_changed(row, forgotten(row.session_id)))
            rest = [row for row in self._rows.values() if row.user_id == user_id]
            return len(active) + self._drop_all(rest)

    def purge(self, before: float) -> int:
        with self._lock:
            over = [
                row
                for row in self._rows.values()
                if row.expires_at < before
                or (row.user_id is None and row.status is not SessionStatus.ACTIVE)
            ]
            return self._drop_all(over)

    def page(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        with self._lock:
            rows = [
                row
                for row in self._rows.values()
                if row.session_id > after
                and stream_id in (None, row.stream_id)
                and user_id in (None, row.user_id)
                and status in (None, row.status)
            ]
        return sorted(rows, key=lambda row: row.session_id)[:limit]


def _unique_keys(row: Session) -> tuple[tuple[str, str], ...]:
    return ("token", row.token), ("identity", row.identity), ("activity_lock", row.activity_lock)


def _counts_for(row: Session, settlement: Settlement) -> bool:
    """Whether a settlement by the token counts for the row that has it."""
    runs_on = settlement.status is SessionStatus.ACTIVE
    return (
        row.stream_id == settlement.session.stream_id
        # Who is over stays so, however late an answer to an update comes.
        and not (runs_on and row.status is not SessionStatus.ACTIVE)
        and not (settlement.is_told and row.delivered >= settlement.delivered)
    )


def _changed(row: Session, values: Mapping[str, Any]) -> Session:
    changed = replace(row, **values)
    changed.status = SessionStatus(changed.status)  # a rule gives what a database keeps
    return changed


def _was_refused(row: Session, now: float) -> bool:
    if row.expires_at <= now or row.leased_until > now:
        return False
    waits = row.status is SessionStatus.ACTIVE and bool(row.attempts or row.reason is not None)
    return waits or row.status is SessionStatus.DEAD
