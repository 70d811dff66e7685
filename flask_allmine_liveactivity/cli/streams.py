"""A stream as it stands, in a few lines for people, and as fields for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_allmine_liveactivity.cli.printing import shown, utc, utc_of_next, when
from flask_allmine_liveactivity.model import StreamEvent
from flask_allmine_liveactivity.model.host_answers import LONGEST_SILENCE

NOTHING_KNOWN = (
    "Nothing is known of stream {}: no phone has registered for it, nothing was announced."
)
# How an end came about that the host has not announced itself.
_SOURCES = {
    "found": ", found when the app was asked",
    "guard": ", said by the guard when a phone registered",
    "expired": ", by itself",
}


def headline(stream_id: str, event: StreamEvent | None) -> str:
    """What a stream's Live Activities must be told, in one line."""
    if event is None or (event.event is None and event.revision == 0):
        return f"stream {stream_id}: to come, nothing was announced"
    if event.is_a_newer_versions:
        kind = shown(event.event)
        return f"stream {stream_id}: {kind}, left to the newer version that has announced it"
    state = "to come" if event.state is None else event.state.value
    line = f"stream {stream_id}: {state}, revision {event.revision}"
    if event.is_update:
        return f"{line}, an update of {utc(event.told_since)} (priority {event.priority})"
    return line + (_SOURCES.get(event.source or "", "") if event.is_end else "")


def known_lines(
    event: StreamEvent | None, next_question: float | None, now: float
) -> Iterator[str]:
    """What the host has said of a stream, and when it is asked again.

    Args:
        event: The stream's row.
        next_question: When the host is asked; ``None``: it is not.
        now: The time.
    """
    if event is None:
        return
    if event.countdown is not None:
        until = event.countdown_expires_at
        over = "" if until is None else f", over by itself at {utc(until)}"
        yield f"countdown: starts at {utc(event.countdown['starts_at'])}{over}"
    if event.found_state is not None:
        yield (
            f"found: the app has answered {event.found_state.value} at {utc(event.found_at)}; "
            "it is over if the next answer is a state, too"
        )
    if event.silent_since is not None:
        yield (
            f"expired: the app has not answered since {utc(event.silent_since)}; it is over by "
            f"itself after {LONGEST_SILENCE:.0f} s"
        )
    if next_question is not None:
        yield f"asked next: {when(next_question, now)}"


def silence(event: StreamEvent) -> str:
    """Why nothing is sent where the push service does not answer."""
    since = f"no answer from the push service since {utc(event.held_since)}"
    return f"{since} ({shown(event.seen_instead)}): tried again by itself"


def fields_of(event: StreamEvent | None, next_question: float | None, now: float) -> dict[str, Any]:
    """A stream's row for programs; the arguments are those of ``known_lines``."""
    if event is None:
        return dict.fromkeys(_FIELDS)
    values = (
        event.event,
        None if event.state is None else event.state.value,
        event.revision,
        event.source,
        None if event.event is None else utc(event.told_since),
        event.priority,
        _countdown(event),
        utc_of_next(next_question, now),
        None if event.found_state is None else event.found_state.value,
        utc(event.found_at),
        utc(event.silent_since),
    )
    return dict(zip(_FIELDS, values, strict=True))


_FIELDS = (
    "event",
    "state",
    "revision",
    "source",
    "announced_at",
    "priority",
    "countdown",
    "next_question",
    "found_state",
    "found_at",
    "silent_since",
)


def _countdown(event: StreamEvent) -> dict[str, Any] | None:
    if event.countdown is None:
        return None
    return {
        "starts_at": utc(event.countdown["starts_at"]),
        "expires_at": utc(event.countdown_expires_at),
    }
