"""All that this host tells the extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from example_app.database import Stream, database
from flask_allmine_liveactivity import Countdown, LiveActivity, StreamNotFound, StreamState

# The host's statuses in which a countdown is over.
ENDED = {
    "cancelled_by_host": StreamState.CANCELLED,
    "cancelled_by_guest": StreamState.CANCELLED,
    "preparing": StreamState.READY,
    "active": StreamState.STARTED,
    "ended": StreamState.STARTED,
    "expired": StreamState.EXPIRED,
}

live_activity = LiveActivity()


@live_activity.streams
def streams(stream_ids: Sequence[str]) -> dict[str, Countdown | StreamState]:
    """What these streams are now: asked for what has changed, and by the minute."""
    with database() as session:
        found = session.query(Stream).where(Stream.id.in_(stream_ids)).all()
    return {stream.id: ENDED.get(stream.status) or countdown(stream) for stream in found}


def countdown(stream: Stream) -> Countdown:
    """A stream that is to come."""
    return Countdown(starts_at=stream.starts_at, content_state=shown(stream, stream.status))


@live_activity.stream_guard
def guard(stream_id: str, user_id: str) -> StreamState | None:
    """Everybody may follow any stream that there is; one that is over has ended so."""
    with database() as session:
        stream = session.get(Stream, stream_id)
    if stream is None:
        raise StreamNotFound
    return ENDED.get(stream.status)


@live_activity.content_state
def content_state(stream_id: str, state: StreamState) -> dict[str, Any] | None:
    """What the activity shows at the end."""
    with database() as session:
        stream = session.get(Stream, stream_id)
    return None if stream is None else shown(stream, state.value)


def shown(stream: Stream, status: str) -> dict[str, Any]:
    """A stream in the keys of the app's ``ContentState``: all of it that may change."""
    return {"title": stream.title, "status": status, "startsAt": stream.starts_at}
