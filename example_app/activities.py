"""All that this host tells the extension."""

from __future__ import annotations

from typing import Any

from example_app.database import Stream, database
from flask_allmine_liveactivity import LiveActivity, StreamNotFound, StreamState

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
    """What the activity shows at the end, in the keys of the app's ``ContentState``."""
    with database() as session:
        stream = session.get(Stream, stream_id)
    if stream is None:
        return None
    return {"status": state.value, "startsAt": stream.starts_at}
