"""What a host says of a stream, checked and made into what storage keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.model import END, UPDATE, Announcement, StreamEvent, StreamState
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.push import AS_POWER_ALLOWS, AT_ONCE


def stream_state(state: object) -> StreamState:
    """The state, from the member or its string.

    Raises:
        ValueError: It is none of the four.
    """
    try:
        return StreamState(state)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(
            f"a stream's state must be one of {', '.join(map(repr, map(str, StreamState)))}, "
            f"and is {state!r}"
        ) from None


def announcement_of_end(
    stream_id: str,
    state: StreamState,
    *,
    content_state: Mapping[str, Any] | None,
    alert: Mapping[str, Any] | None,
    dismiss_after: float | None,
    now: float,
    ttl: float,
    source: str = "said",
) -> Announcement:
    """What a stream's Live Activities must be told of its end.

    Raises:
        TypeError: ``content_state`` or ``alert`` is not a mapping of JSON values.
    """
    content_state = _mapping("content_state", content_state)
    alert = _mapping("alert", alert)
    return Announcement(
        stream_id=stream_id,
        event=END,
        state=state,
        content_state=content_state,
        alert=alert,
        dismissal_date=None if dismiss_after is None else int(now + dismiss_after),
        said=_digest([END, state, content_state, alert, dismiss_after]),
        expires_at=now + ttl,
        source=source,
    )


def announcement_of_update(
    stream_id: str,
    countdown: Countdown,
    *,
    alert: Mapping[str, Any] | None,
    moved: bool,
    now: float,
    ttl: float,
) -> Announcement:
    """What a stream's running countdowns are to show from now on.

    Args:
        stream_id: Whose.
        countdown: As the host has just said it.
        alert: What is said aloud with it; the countdown's own is for those that are started.
        moved: Whether the stream begins at another time than before.
        now: The time.
        ttl: How long it is kept at the least, in seconds.

    Raises:
        TypeError: ``alert`` is not a mapping of JSON values.
    """
    alert = _mapping("alert", alert)
    return Announcement(
        stream_id=stream_id,
        event=UPDATE,
        state=None,
        content_state=countdown.content_state,
        alert=alert,
        dismissal_date=None,
        said=_digest([UPDATE, countdown.content_state, alert]),
        expires_at=now + ttl,
        priority=AT_ONCE if moved or alert is not None else AS_POWER_ALLOWS,
    )


def announcement_that_stands(event: StreamEvent) -> Announcement:
    """What was announced, from the row that it has made."""
    assert event.event is not None
    return Announcement(
        stream_id=event.stream_id,
        event=event.event,
        state=event.state,
        content_state=event.content_state,
        alert=event.alert,
        dismissal_date=event.dismissal_date,
        said=event.said,
        expires_at=event.expires_at,
        priority=event.priority,
        source=event.source,
    )


def _mapping(name: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, and is a {type(value).__name__}")
    return None if value is None else dict(value)


def _digest(said: list[object]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
