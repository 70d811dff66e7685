"""In this process only, gone with it: for tests and for trying things out."""

from __future__ import annotations

import copy
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

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
    never_ended,
)


class MemoryStorage(Storage):
    """All rows in dictionaries behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[str, Session] = {}
        self._unique: dict[tuple[str, str], str] = {}
        self._active: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._events: dict[str, StreamEvent] = {}

    def prepare(self) -> None:
        """Nothing to make."""

    def close(self) -> None:
        """Nothing to close."""

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

    def register(self, session: Session, resolve: Resolve) -> Resolution:
        with self._lock:
            met = {self._unique[key] for key in _unique_keys(session) if key in self._unique}
            resolution = resolve([self._rows[session_id] for session_id in sorted(met)])
            if resolution.outcome in (Outcome.CONFLICT, Outcome.FULL):
                return resolution
            for session_id in resolution.delete:
                self._drop(session_id)
            for session_id in resolution.yield_hold:
                self._put(replace(self._rows[session_id], hold=session_id))
            if resolution.write is not None:
                self._put(resolution.write)
            return resolution

    def count_of_user(self, user_id: str) -> int:
        with self._lock:
            return sum(row.user_id == user_id for row in self._rows.values())

    def make_room(self, user_id: str, rows: int, now: float) -> int:
        with self._lock:
            finished = [
                row
                for row in self._rows.values()
                if row.user_id == user_id
                and (row.status is not SessionStatus.ACTIVE or row.expires_at <= now)
            ]
            finished.sort(key=lambda row: row.registered_at)
            return self._drop_all(finished[:rows])

    def _drop_all(self, rows: Iterable[Session]) -> int:
        ids = [row.session_id for row in rows]
        for session_id in ids:
            self._drop(session_id)
        return len(ids)

    def announce(
        self, announcement: Announcement, now: float, *, only_at: int | None = None
    ) -> StreamEvent:
        with self._lock:
            current = self._events.get(announcement.stream_id)
            if only_at is not None and current is not None and current.revision != only_at:
                return current
            # A copy: the caller's content may change later, and what was announced may not.
            event = copy.deepcopy(next_event(current, announcement, now))
            self._events[announcement.stream_id] = event
            return event

    def touch(self, stream_id: str, expires_at: float, now: float) -> StreamEvent | None:
        with self._lock:
            current = self._events.get(stream_id)
            if current is None or current.event is None:
                return None
            self._events[stream_id] = touched = replace(
                current,
                touch=current.touch + 1,
                due_at=now if current.held_reason is None else current.due_at,
                expires_at=max(current.expires_at, expires_at),
            )
            return touched

    def event(self, stream_id: str) -> StreamEvent | None:
        with self._lock:
            return self._events.get(stream_id)

    def due_events(self, now: float, limit: int) -> list[StreamEvent]:
        with self._lock:
            due = [event for event in self._events.values() if event.due_at <= now]
        return sorted(due, key=lambda event: event.due_at)[:limit]

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
        with self._lock:
            taken: list[Session] = []
            for session_id in self._active.get(stream_id, ()):
                row = self._rows[session_id]
                if row.delivered < revision and max(row.due_at, row.leased_until) <= now:
                    taken.append(replace(row, claim_id=claim_id, leased_until=leased_until))
                    if len(taken) == limit:
                        break
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
                self._put(
                    replace(
                        row,
                        status=settlement.status,
                        delivered=settlement.delivered,
                        attempts=settlement.attempts,
                        rejections=settlement.rejections,
                        due_at=settlement.due_at,
                        reason=settlement.reason,
                        claim_id=None,
                        leased_until=0.0,
                    )
                )
            return counted

    def _still_the_same(self, settlement: Settlement) -> Session | None:
        session = settlement.session
        if settlement.whoever_holds_the_lease:
            row = self._rows.get(self._unique.get(("token", session.token), ""))
            same = row is not None and row.stream_id == session.stream_id
        else:
            row = self._rows.get(session.session_id)
            same = row is not None and row.claim_id == session.claim_id
        if row is None or not same:
            return None
        limit = settlement.not_seen_after
        return row if limit is None or row.token_seen_at <= limit else None

    def next_due(self, stream_id: str, revision: int) -> float | None:
        with self._lock:
            rows = (self._rows[session_id] for session_id in self._active.get(stream_id, ()))
            return min(
                (row.leased_until or row.due_at for row in rows if row.delivered < revision),
                default=None,
            )

    def rest(self, event: StreamEvent, due_at: float) -> bool:
        with self._lock:
            current = self._events.get(event.stream_id)
            if current is None or (current.revision, current.touch) != (
                event.revision,
                event.touch,
            ):
                return False
            self._events[event.stream_id] = replace(
                current, due_at=due_at, held_reason=None, held_since=None
            )
            return True

    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        with self._lock:
            current = self._events.get(event.stream_id)
            if current is not None and current.revision == event.revision:
                self._events[event.stream_id] = replace(
                    current, held_reason=reason, held_since=since, due_at=due_at
                )

    def lift(self, stream_id: str | None, now: float) -> int:
        with self._lock:
            held = [
                event
                for event in self._events.values()
                if event.held_reason is not None and stream_id in (None, event.stream_id)
            ]
            for event in held:
                self._events[event.stream_id] = replace(
                    event, held_reason=None, held_since=None, due_at=now
                )
            return len(held)

    def reopen(self, stream_id: str, now: float) -> StreamEvent:
        with self._lock:
            current = self._events.get(stream_id)
            self._events[stream_id] = reopened = (
                never_ended(stream_id, now)
                if current is None
                else replace(
                    current,
                    revision=current.revision + 1,
                    touch=current.touch + 1,
                    **NOTHING_TO_TELL,
                )
            )
            return reopened

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        with self._lock:
            revived: Counter[str] = Counter()
            for row in list(self._rows.values()):
                if (
                    row.status is SessionStatus.DEAD
                    and row.expires_at > now
                    and stream_id in (None, row.stream_id)
                ):
                    revived[row.stream_id] += 1
                    self._put(
                        replace(
                            row,
                            status=SessionStatus.ACTIVE,
                            delivered=0,
                            attempts=0,
                            rejections=0,
                            due_at=now,
                            reason=None,
                        )
                    )
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
                self._put(replace(row, user_id=None, identity=row.session_id, hold=row.session_id))
            return len(rows)

    def forget_user(self, user_id: str) -> int:
        with self._lock:
            active = self._active_rows_of(user_id)
            for row in active:
                self._put(
                    replace(
                        row,
                        user_id=None,
                        device_id="",
                        identity=row.session_id,
                        hold=row.session_id,
                    )
                )
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
            events = [key for key, event in self._events.items() if event.expires_at < before]
            for key in events:
                del self._events[key]
            return self._drop_all(over) + len(events)

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        with self._lock:
            rows = [row for row in self._rows.values() if stream_id in (None, row.stream_id)]
            pending = [row for row in rows if self._is_pending(row, now)]
            return Counts(
                active=sum(row.status is SessionStatus.ACTIVE for row in rows),
                pending=len(pending),
                oldest_pending_since=min(
                    (
                        max(row.token_seen_at, float(self._events[row.stream_id].timestamp))
                        for row in pending
                    ),
                    default=None,
                ),
                ended=sum(row.status is SessionStatus.ENDED for row in rows),
                waiting=Counter(row.reason for row in pending if row.reason),
                dead=Counter(row.reason or "" for row in rows if row.status is SessionStatus.DEAD),
            )

    def _is_pending(self, row: Session, now: float) -> bool:
        event = self._events.get(row.stream_id)
        return (
            row.status is SessionStatus.ACTIVE
            and row.expires_at > now
            and event is not None
            and event.event is not None
            and row.delivered < event.revision
        )

    def sessions(
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

    def held_events(self, limit: int) -> list[StreamEvent]:
        with self._lock:
            held = [event for event in self._events.values() if event.held_reason is not None]
        return sorted(held, key=lambda event: event.held_since or 0.0)[:limit]


def _unique_keys(row: Session) -> tuple[tuple[str, str], ...]:
    return ("token", row.token), ("identity", row.identity), ("hold", row.hold)
