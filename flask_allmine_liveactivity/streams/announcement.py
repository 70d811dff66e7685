"""What a host says of a stream, checked and made into what storage keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.model import Announcement, StreamState


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
) -> Announcement:
    """What a stream's Live Activities must be told of its end.

    Raises:
        TypeError: ``content_state`` or ``alert`` is not a mapping of JSON values.
    """
    for name, value in (("content_state", content_state), ("alert", alert)):
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, and is a {type(value).__name__}")
    content_state = None if content_state is None else dict(content_state)
    alert = None if alert is None else dict(alert)
    dismissal_date = None if dismiss_after is None else int(now + dismiss_after)
    said = json.dumps(["end", state, content_state, alert, dismiss_after], sort_keys=True)
    return Announcement(
        stream_id=stream_id,
        event="end",
        state=state,
        content_state=content_state,
        alert=alert,
        dismissal_date=dismissal_date,
        said=hashlib.sha256(said.encode()).hexdigest(),
        expires_at=now + ttl,
    )
