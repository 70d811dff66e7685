"""A stream ends; or it is scheduled again, and has not ended after all."""

from __future__ import annotations

from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.app.operations.delivering import DeliveryRun, Progress, deliver
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.streams.announcement import stream_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A stream that is scheduled again."""

    had_ended: bool
    """Whether there was an end to forget."""


def end(
    installation: Installation,
    stream: object,
    state: StreamState | str,
    *,
    progress: Progress | None = None,
) -> DeliveryRun:
    """End a stream's Live Activities, as the host's own code would, and deliver here and now.

    Args:
        installation: Of the app.
        stream: In any form of its id.
        state: The state it has ended in, or its string.
        progress: As ``deliver`` takes it.

    Raises:
        ValueError: No stream id, or none of the four states.
        PayloadTooLarge: What the host shows at the end is over Apple's limit. Nothing was stored.
        ConfigurationError: Nothing can be pushed from here. Nothing was stored.
    """
    stream_id = installation.stream_id(stream)
    installation.announce(stream_id, stream_state(state))
    return deliver(installation, stream_id, progress=progress)


def reopen(installation: Installation, stream: object) -> Reopened:
    """Forget a stream's end: it is scheduled again.

    Args:
        installation: Of the app.
        stream: In any form of its id.
    """
    stream_id = installation.stream_id(stream)
    event = installation.storage.streams.read(stream_id)
    installation.reopen(stream_id)
    return Reopened(had_ended=event is not None and event.is_end)
