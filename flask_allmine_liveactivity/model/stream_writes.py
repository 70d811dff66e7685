"""What a stream's row becomes: each change a pure function of the row that stands.

``Streams.write`` runs them, on every storage: what is decided here is decided once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask_allmine_liveactivity.model.stream import Announcement, StreamEvent
from flask_allmine_liveactivity.model.times import NEVER, newly_due

Decide = Callable[[StreamEvent | None], StreamEvent | None]
"""Given a stream's row, or ``None`` where it has none, says what it becomes. What it was given, or
``None``: it stays as it is. Pure, and possibly called more than once."""

# A row that must be kept for longer is kept for so many seconds more, so that not every late
# registration is a write.
KEPT_AHEAD = 3600.0


def touched(touch: int) -> int:
    """The next ``touch`` that says: somebody may be pending of whom no worker knows."""
    return touch + 1 + touch % 2


def rested(touch: int) -> int:
    """The ``touch`` of a row that a worker puts to rest, and at whose sessions he then looks."""
    return touch + touch % 2


def to_announce(announcement: Announcement, now: float, only_at: int | None = None) -> Decide:
    """The latest thing to be told of a stream; see ``Streams.announce``."""

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if only_at is not None and current is not None and current.revision != only_at:
            return current
        return next_event(current, announcement, now)

    return decide


def next_event(current: StreamEvent | None, announcement: Announcement, now: float) -> StreamEvent:
    """The row that an announcement makes of the one that stands.

    The same thing said twice keeps revision and timestamp, so that nobody is told twice; whatever
    is still pending is looked at now, and a hold is lifted, since whoever repeats himself has
    perhaps just mended its cause.
    """
    again = (
        current is not None
        and current.event == announcement.event
        and current.said == announcement.said
    )
    if current is not None and again:
        revision, timestamp = current.revision, current.timestamp
        dismissal_date = current.dismissal_date
        announced_at = current.announced_at
    else:
        revision = current.revision + 1 if current else 1
        timestamp = max(int(now), current.timestamp + 1) if current else int(now)
        dismissal_date = announcement.dismissal_date
        announced_at = now
    return StreamEvent(
        stream_id=announcement.stream_id,
        revision=revision,
        event=announcement.event,
        state=announcement.state,
        content_state=announcement.content_state,
        alert=announcement.alert,
        dismissal_date=dismissal_date,
        timestamp=timestamp,
        expires_at=max(announcement.expires_at, current.expires_at if current else 0.0),
        said=announcement.said,
        due_at=newly_due(now),
        touch=touched(current.touch if current else 0),
        announced_at=announced_at,
    )


def to_reopen(stream_id: str, now: float) -> Decide:
    """A stream's end forgotten: nothing to tell, and no reason to look at it again.

    Where there was no row one is written: a revision to be seen by whoever is about to announce an
    end of which he learned before.
    """

    def decide(current: StreamEvent | None) -> StreamEvent:
        return StreamEvent(
            stream_id=stream_id,
            revision=current.revision + 1 if current else 1,
            event=None,
            state=None,
            content_state=None,
            alert=None,
            dismissal_date=None,
            timestamp=current.timestamp if current else 0,
            expires_at=current.expires_at if current else now,
            said="",
            due_at=NEVER,
            touch=touched(current.touch) if current else 0,
        )

    return decide


def to_hold(event: StreamEvent, reason: str, since: float, due_at: float) -> Decide:
    """An event held back, unless another one has been announced since it was read."""

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if current is None or current.revision != event.revision:
            return current
        return replace(current, held_reason=reason, held_since=since, due_at=due_at)

    return decide


def to_wake(expires_at: float, now: float) -> Decide:
    """An event due now, unless it is held, since a session has come late: see ``Streams.wake``.

    Nothing is written of one that is awake already, and kept for long enough.
    """

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if current is None or current.event is None:
            return current
        kept = current.expires_at
        if kept < expires_at:
            kept = expires_at + KEPT_AHEAD
        elif current.is_awake:
            return current
        return replace(
            current,
            touch=touched(current.touch),
            due_at=newly_due(now) if current.held_since is None else current.due_at,
            expires_at=kept,
        )

    return decide
