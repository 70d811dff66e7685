"""How one stream stands, for a host's own page."""

from __future__ import annotations

import time

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.model.report import StreamReport


def report(installation: Installation, stream: object) -> StreamReport:
    """See what is to be told of a stream, and how many have been.

    Args:
        installation: Of the app.
        stream: In any form of its id.
    """
    stream_id = installation.stream_id(stream)
    storage = installation.storage
    event = storage.streams.read(stream_id)
    counts = storage.counts(time.time(), stream_id)
    holds: dict[str, str] = {}
    if event is not None and event.event is not None and event.needs_a_person:
        holds = {event.event: event.held_reason or ""}
    return StreamReport(
        stream_id=stream_id,
        revision=0 if event is None else event.revision,
        event=None if event is None else event.event,
        state=None if event is None else event.state,
        sessions={
            "active": counts.active,
            "pending": counts.untold,
            "ended": counts.ended,
            "dead": sum(counts.dead.values()),
        },
        holds=holds,
    )
