"""A row, an answer and a question, of which each test says only what matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_allmine_liveactivity import Countdown, StreamState
from flask_allmine_liveactivity.model import Announcement, StreamEvent
from flask_allmine_liveactivity.model.host_answers import Asked
from flask_allmine_liveactivity.model.stream_writes import next_event, nothing_to_tell
from flask_allmine_liveactivity.streams.announcement import (
    announcement_of_end,
    announcement_of_update,
)

STREAM = "65f000000000000000000001"
NOW = 1_790_000_000.0
INTERVAL = 60.0


def countdown(title: str = "Friday", *, starts_at: float = NOW + 900, **also: Any) -> Countdown:
    """As a host answers it."""
    return Countdown(starts_at=starts_at, content_state={"title": title}, **also)


def asked(now: float = NOW, *, at_once: bool = False) -> Asked:
    """A question; ``at_once``: by ``stream_changed``."""
    return Asked(
        now=now,
        again_at=now + INTERVAL,
        interval=INTERVAL,
        counts_at_once=at_once,
        kept_for=3600.0,
    )


def update(title: str = "Friday", *, alert: Any = None, moved: bool = False) -> Announcement:
    """What running countdowns are told."""
    return announcement_of_update(
        STREAM, countdown(title), alert=alert, moved=moved, now=NOW, ttl=3600.0
    )


def end(state: StreamState = StreamState.READY) -> Announcement:
    """What is told of an end."""
    return announcement_of_end(
        STREAM, state, content_state=None, alert=None, dismiss_after=None, now=NOW, ttl=3600.0
    )


def a_row(*said: Announcement, **fields: Any) -> StreamEvent:
    """The row as it is after this was announced."""
    row = nothing_to_tell(STREAM, NOW + 3600)
    for each in said:
        row = next_event(row, each, NOW)
    return replace(row, **fields)
