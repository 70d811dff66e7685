"""What a phone has seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

EventKind = Literal[
    "push",
    "dropped",
    "started",
    "ended",
    "dismissed",
    "token",
    "registered",
    "refused",
    "alert",
]

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on a phone.

    Args:
        at: Seconds since the epoch.
        kind: What it was.
        text: The same for people: a sentence, or what an alert says.
        activity_id: The Live Activity that it is about, if it is about one.
        payload: Of the push; ``None`` where there was none.
    """

    at: float
    kind: EventKind
    text: str
    activity_id: str | None = None
    payload: Mapping[str, Any] | None = None


class Journal:
    """The latest thousand events of a phone, and whether there was anything to see since last."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self.changed = False

    def note(
        self,
        at: float,
        kind: EventKind,
        text: str,
        activity_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down an event."""
        self._events.append(Event(at, kind, text, activity_id, payload))
        self.changed = True

    def events(self) -> list[Event]:
        """A copy, newest last."""
        return list(self._events)

    def take_changed(self) -> bool:
        """Whether anything has changed since this was asked last."""
        changed, self.changed = self.changed, False
        return changed
