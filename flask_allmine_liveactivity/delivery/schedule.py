"""When an event is looked at again: one that is held, and one of which all have been told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask_allmine_liveactivity.model import DUE_NOW, NEVER, StreamEvent, no_answer
from flask_allmine_liveactivity.model.stream_writes import no_sooner, rested
from flask_allmine_liveactivity.storage.base import Storage

# How long an event is held at first, and at the longest, in seconds.
FIRST_HOLD = 60.0
LONGEST_HOLD = 15 * 60.0
# How long an event rests at first, while a worker looks who is pending, at the longest, in seconds:
# it waits for so long where the worker dies in between.
FIRST_REST = 15.0
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
    since = event.held_since if event.held_reason == reason else None
    since = now if since is None else since
    wait = min(LONGEST_HOLD, max(FIRST_HOLD, now - since))
    storage.streams.hold(event, reason, since, now + wait)


def note_silence(storage: Storage, event: StreamEvent, reason: str, now: float) -> None:
    """Put on record that nobody answers, for people to see: the event stays due, and its next rest
    takes the note away.

    Args:
        storage: Where it is.
        event: The event of which a push had no answer, as it was before the run.
        reason: What was seen instead of an answer.
        now: The time.
    """
    stands = storage.streams.read(event.stream_id)
    if stands is None or stands.needs_a_person:
        return  # a hold says more
    since = event.held_since if event.unanswered else None
    storage.streams.hold(event, no_answer(reason), now if since is None else since, DUE_NOW)


def rest_then_look(
    storage: Storage, events: Sequence[StreamEvent], now: float, sweep_interval: float
) -> tuple[float, bool]:
    """Put events to rest of which all are told who were due, and look who is still pending.

    In this order: a phone commits its session and then looks whether the event rests, so that one
    of the two sees the other. One that comes after the look makes the event due itself, and then
    nothing more is written here.

    Args:
        storage: Where they are.
        events: The events as they were read.
        now: The time.
        sweep_interval: Seconds to wait at the least where nobody is pending.

    Returns:
        When the first of them is to be looked at again, and whether all were as they were read.
    """
    first = now + min(sweep_interval, FIRST_REST)
    all_rested = storage.streams.rest([(event, first) for event in events]) == len(events)
    dues = storage.sessions.next_due_of_each(events)
    looks = [
        (
            event,
            no_sooner(
                event,
                dues.get(event.stream_id, _quiet_until(event, now, sweep_interval)),
                now,
            ),
        )
        for event in events
    ]
    changed = [
        (replace(event, touch=rested(event.touch)), due_at)
        for event, due_at in looks
        if due_at != first
    ]
    still_rest = storage.streams.rest(changed) == len(changed) if changed else True
    return min(due_at for _, due_at in looks), all_rested and still_rest


def _quiet_until(event: StreamEvent, now: float, sweep_interval: float) -> float:
    quiet = min(LONGEST_REST, max(sweep_interval, now - event.timestamp))
    return NEVER if now >= event.expires_at else min(now + quiet, event.expires_at)
