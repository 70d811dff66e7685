"""What a stream's row becomes: each change a pure function of the row that stands.

``Streams.write`` runs them, on every storage: what is decided here is decided once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask_allmine_liveactivity.model.stream import Announcement, StreamEvent
from flask_allmine_liveactivity.model.times import DUE_NOW, NEVER, newly_due

Decide = Callable[[StreamEvent | None], StreamEvent | None]
"""Given a stream's row, or ``None`` where it has none, says what it becomes. What it was given, or
``None``: it stays as it is. Pure, and possibly called more than once."""

# A row that must be kept for longer is kept for so many seconds more, so that not every late
# registration is a write.
KEPT_AHEAD = 3600.0
# Updates of one stream begin at least so many seconds after each other, however often it changes.
UPDATES_APART = 5.0


def touched(touch: int) -> int:
    """The next ``touch`` that says: somebody may be pending of whom no worker knows."""
    return touch + 1 + touch % 2


def rested(touch: int) -> int:
    """The ``touch`` of a row that a worker puts to rest, and at whose sessions he then looks."""
    return touch + touch % 2


def nothing_to_tell(stream_id: str, expires_at: float) -> StreamEvent:
    """The row of a stream of which nothing has been said yet."""
    return StreamEvent(
        stream_id=stream_id,
        revision=0,
        event=None,
        state=None,
        content_state=None,
        alert=None,
        dismissal_date=None,
        timestamp=0,
        expires_at=expires_at,
        said="",
        due_at=NEVER,
        touch=0,
    )


def to_announce(announcement: Announcement, now: float) -> Decide:
    """The latest thing to be told of a stream; see ``Streams.announce``."""
    return lambda current: next_event(current, announcement, now)


def next_event(current: StreamEvent | None, announcement: Announcement, now: float) -> StreamEvent:
    """The row that an announcement makes of the one that stands.

    The same thing said twice keeps revision and timestamp, so that nobody is told twice; whatever
    is still pending is looked at now. An end lifts a hold, since whoever repeats himself has
    perhaps just mended its cause; an update does not, or a stream that changes each second would
    knock with a wrong key each second.
    """
    row = current or nothing_to_tell(announcement.stream_id, 0.0)
    if row.event != announcement.event or row.said != announcement.said:
        row = replace(
            row,
            revision=row.revision + 1,
            timestamp=max(int(now), row.timestamp + 1) if current else int(now),
            dismissal_date=announcement.dismissal_date,
            announced_at=now,
            source=announcement.source,
        )
    row = replace(
        row,
        event=announcement.event,
        state=announcement.state,
        content_state=announcement.content_state,
        alert=announcement.alert,
        priority=announcement.priority,
        expires_at=max(announcement.expires_at, row.expires_at),
        said=announcement.said,
        touch=touched(row.touch),
        unreadable=None,
    )
    if row.is_update:
        return replace(row, due_at=update_due(row, now))
    row = replace(row, due_at=newly_due(now), held_reason=None, held_since=None, check_at=None)
    return _nothing_found(_without_countdown(row))


def _without_countdown(row: StreamEvent) -> StreamEvent:
    return replace(row, countdown=None, countdown_expires_at=None)


def _nothing_found(row: StreamEvent) -> StreamEvent:
    return replace(row, found_state=None, found_at=None, silent_since=None)


def update_due(row: StreamEvent, now: float) -> float:
    """When an update is to be told: at once, but not too soon after the last one has begun, and
    not while it is held. After all ends that are due."""
    if row.held_since is not None:
        return row.due_at
    return DUE_NOW if row.told_at is None else no_sooner(row, DUE_NOW, now)


def no_sooner(row: StreamEvent, due_at: float, now: float) -> float:
    """When a row may be due at the earliest: updates keep their distance, ends do not wait."""
    if not row.is_update or row.told_at is None:
        return due_at
    earliest = row.told_at + UPDATES_APART
    # A clock that is far ahead of ours has written it: by ours there has long been time enough.
    if earliest <= now or earliest > now + UPDATES_APART:
        return due_at
    return max(due_at, earliest)


def to_reopen(
    stream_id: str, now: float, *, ask_at: float | None = None, kept_until: float | None = None
) -> Decide:
    """A stream's end forgotten: nothing to tell, and the host is asked again.

    Where no end stands nothing is forgotten; but what was to be written of the host's answers from
    before does not count any more. So whoever is about to announce an end of which he learned
    before finds another revision, or another time for the next question, than he has read.
    """
    kept_until = now if kept_until is None else kept_until

    def decide(current: StreamEvent | None) -> StreamEvent:
        row = _nothing_found(current or nothing_to_tell(stream_id, kept_until))
        row = replace(row, check_at=_another(ask_at, row.check_at))
        if row.is_update:
            return row
        return replace(
            _without_countdown(row),
            revision=row.revision + 1,
            event=None,
            state=None,
            content_state=None,
            alert=None,
            dismissal_date=None,
            priority=None,
            source=None,
            said="",
            due_at=NEVER,
            touch=touched(row.touch) if current else 0,
            held_reason=None,
            held_since=None,
            expires_at=max(row.expires_at, kept_until),
            announced_at=None,
            unreadable=None,
        )

    return decide


def _another(at: float | None, before: float | None) -> float | None:
    """A time that is not the one that stood there."""
    return at + 0.001 if at is not None and at == before else at


def to_hold(event: StreamEvent, reason: str, since: float, due_at: float) -> Decide:
    """An event held back, unless another one has been announced since it was read."""

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if current is None or current.revision != event.revision:
            return current
        return replace(current, held_reason=reason, held_since=since, due_at=due_at)

    return decide


def to_wake(
    stream_id: str, expires_at: float, now: float, *, ask_at: float | None = None
) -> Decide:
    """An event due now, unless it is held, since a session has come late: see ``Streams.wake``.

    Nothing is written of one that is awake already, and kept for long enough; nor of one that has
    nothing to tell, and of which the host is asked.
    """

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if current is None and ask_at is None:
            return None
        row = current or nothing_to_tell(stream_id, 0.0)
        kept = row.expires_at
        if kept < expires_at:
            kept = expires_at + KEPT_AHEAD
        asked = ask_at if row.check_at is None and not row.is_end else row.check_at
        if row.event is None:
            if (kept, asked) == (row.expires_at, row.check_at):
                return current
            return replace(row, expires_at=kept, check_at=asked)
        if kept == row.expires_at and row.is_awake:
            return current
        due_at = update_due(row, now) if row.is_update else newly_due(now)
        return replace(
            row,
            touch=touched(row.touch),
            due_at=due_at if row.held_since is None else row.due_at,
            expires_at=kept,
            check_at=asked,
        )

    return decide
