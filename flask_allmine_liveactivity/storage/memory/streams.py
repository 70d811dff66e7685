"""The rows of streams in a dictionary."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_allmine_liveactivity.model import DUE_NOW, Decide, StreamEvent
from flask_allmine_liveactivity.storage.rules import LIFTED, rested_fields
from flask_allmine_liveactivity.storage.streams import Streams


class MemoryStreams(Streams):
    """Streams by their ids.

    .. versionadded:: 0.1.0
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[str, StreamEvent] = {}

    def all(self) -> list[StreamEvent]:
        """All of them, in the order of their coming."""
        with self._lock:
            return list(self._rows.values())

    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        with self._lock:
            current = self._rows.get(stream_id)
            row = decide(current)
            if row is None or row is current:
                return current
            # A copy: the caller's content may change later, and what was announced may not.
            self._rows[stream_id] = row = copy.deepcopy(row)
            return row

    def read(self, stream_id: str) -> StreamEvent | None:
        with self._lock:
            return self._rows.get(stream_id)

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        with self._lock:
            due = [
                event
                for event in self._rows.values()
                if event.due_at <= now and not event.is_a_newer_versions
            ]
        return sorted(due, key=lambda event: event.due_at)[:limit]

    def first_due(self) -> float | None:
        with self._lock:
            return min(
                (row.due_at for row in self._rows.values() if not row.is_a_newer_versions),
                default=None,
            )

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        with self._lock:
            due = [
                row
                for row in self._rows.values()
                if row.check_at is not None and row.check_at <= now
            ]
            taken = sorted(due, key=lambda row: row.check_at or 0.0)[:limit]
            for row in taken:
                self._change(row.stream_id, {"check_at": again_at})
            return [self._rows[row.stream_id] for row in taken]

    def begin(self, events: Sequence[StreamEvent], at: float) -> None:
        with self._lock:
            for event in events:
                current = self._rows.get(event.stream_id)
                if current is not None and current.revision == event.revision:
                    self._change(event.stream_id, {"told_at": at})

    def held(self, limit: int) -> list[StreamEvent]:
        with self._lock:
            held = [event for event in self._rows.values() if event.held_reason is not None]
        return sorted(held, key=lambda event: event.held_since or 0.0)[:limit]

    def stamp(self, events: Sequence[StreamEvent], at: int) -> dict[str, int]:
        stamped: dict[str, int] = {}
        with self._lock:
            for event in events:
                current = self._rows.get(event.stream_id)
                if current is not None and current.revision == event.revision:
                    timestamp = max(current.timestamp, at)
                    self._rows[event.stream_id] = replace(current, timestamp=timestamp)
                    stamped[event.stream_id] = timestamp
        return stamped

    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        with self._lock:
            as_given = [(event, due_at) for event, due_at in rests if self._is_still(event)]
            for event, due_at in as_given:
                self._change(event.stream_id, rested_fields(event, due_at))
            return len(as_given)

    def _is_still(self, event: StreamEvent) -> bool:
        current = self._rows.get(event.stream_id)
        return current is not None and (current.revision, current.touch) == (
            event.revision,
            event.touch,
        )

    def _change(self, stream_id: str, values: Mapping[str, Any]) -> None:
        self._rows[stream_id] = replace(self._rows[stream_id], **values)

    def recall(self, now: float) -> int:
        with self._lock:
            resting = [
                event
                for event in self._rows.values()
                if event.due_at > now
                and event.touch % 2
                and event.held_since is None
                and event.is_end
            ]
            for event in resting:
                self._change(event.stream_id, {"due_at": DUE_NOW})
            return len(resting)

    def lift(self, stream_id: str | None) -> int:
        with self._lock:
            held = [
                event
                for event in self._rows.values()
                if event.held_reason is not None and stream_id in (None, event.stream_id)
            ]
            for event in held:
                self._change(event.stream_id, LIFTED)
            return len(held)

    def purge(self, before: float) -> int:
        with self._lock:
            over = [key for key, event in self._rows.items() if event.expires_at < before]
            for key in over:
                del self._rows[key]
            return len(over)
