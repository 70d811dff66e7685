"""Trying again at once whoever was refused, after its cause was mended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.errors import LiveActivityError

# So many held streams are delivered at once when holds are lifted; the rest is found by itself.
WOKEN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """Who is due again."""

    sessions: int
    """Those that were refused: they waited, or were given up."""
    streams: int
    """Theirs."""
    holds_lifted: int
    """Streams that were held."""
    not_delivered: str | None
    """Where the app delivers in the process that asks: why that failed. They are due all the same.
    """


def resend(installation: Installation, stream: object = None) -> Resent:
    """Make due at once who was refused, of all streams or of one; lift holds; wake who delivers.

    Whoever delivers must know by now what was mended. A push that is under way is left alone.

    Args:
        installation: Of the app.
        stream: Only this one; in any form of its id.
    """
    stream_id = None if stream is None else installation.stream_id(stream)
    now, storage = time.time(), installation.storage
    revived = storage.sessions.revive(stream_id, now)
    held = [event.stream_id for event in storage.streams.held(WOKEN)] if stream_id is None else []
    due = dict.fromkeys([*revived, *held] if stream_id is None else [stream_id])
    for due_id in due:
        storage.streams.wake(due_id, now, now)
    lifted = storage.streams.lift(stream_id)
    return Resent(
        sessions=sum(revived.values()),
        streams=len(revived),
        holds_lifted=lifted,
        not_delivered=_wake(installation, due),
    )


def _wake(installation: Installation, due: dict[str, None]) -> str | None:
    """All that is asked for stands by now: what is written must be said, whatever comes of this."""
    try:
        for stream_id in due:
            installation.dispatch.wake(stream_id)
    except LiveActivityError as error:
        return str(error)
    return None
