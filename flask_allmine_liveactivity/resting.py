"""When an event is looked at again: one that is held, and one of which all have been told."""

from __future__ import annotations

from flask_allmine_liveactivity.model import NEVER, StreamEvent
from flask_allmine_liveactivity.storage.base import Storage

# How long an event is held at first, and at the longest, in seconds.
FIRST_HOLD = 60.0
LONGEST_HOLD = 15 * 60.0
# An event with nothing pending is looked at again at intervals that grow to this, in seconds.
LONGEST_REST = 3600.0


def hold(storage: Storage, event: StreamEvent, reason: str, now: float) -> None:
    """Push nothing of an event for a while: somebody has to mend something first.

    Args:
        storage: Where it is.
        event: The event; held again, it is held for longer.
        reason: What is to be mended.
        now: The time.
    """
    since = now if event.held_since is None else event.held_since
    wait = min(LONGEST_HOLD, max(FIRST_HOLD, now - since))
    storage.hold(event, reason, since, now + wait)


def next_look(storage: Storage, event: StreamEvent, now: float, sweep_interval: float) -> float:
    """When to look at an event again of which all are told who were due: when the next one is.

    Args:
        storage: Where it is.
        event: The event.
        now: The time.
        sweep_interval: Seconds to wait at the least where nobody is pending.
    """
    due_at = storage.next_due(event.stream_id, event.revision)
    if due_at is not None:
        return due_at
    quiet = min(LONGEST_REST, max(sweep_interval, now - event.timestamp))
    return NEVER if now >= event.expires_at else min(now + quiet, event.expires_at)
