"""What a host says of a stream, checked and made into what storage keeps."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.model import Announcement, StreamState
from flask_allmine_liveactivity.push.apns.payload import end_payload
from flask_allmine_liveactivity.settings import STREAM_ID

LONGEST_STREAM_ID = 255


def canonical_stream_id(stream_id: object, pattern: re.Pattern[str] = STREAM_ID) -> str:
    """The one form in which a stream id is kept and compared.

    A BSON ``ObjectId`` is taken as it prints; 24 hex digits are the same stream in either case.

    Raises:
        ValueError: It is no stream id. The message does not repeat it.
    """
    text = stream_id if isinstance(stream_id, str) else _printed_object_id(stream_id)
    if len(text) > LONGEST_STREAM_ID or not pattern.fullmatch(text):
        raise ValueError(
            f"a stream id must match {pattern.pattern!r} (LIVE_ACTIVITY_STREAM_ID_PATTERN)"
        )
    return text.lower() if STREAM_ID.fullmatch(text) else text


def _printed_object_id(stream_id: object) -> str:
    from bson import ObjectId

    if not isinstance(stream_id, ObjectId):
        raise ValueError(
            f"a stream id must be a string or an ObjectId, and is a {type(stream_id).__name__}"
        )
    return str(stream_id)


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
        PayloadTooLarge: The push would be over Apple's limit.
        TypeError: ``content_state`` or ``alert`` is not a mapping of JSON values.
        ValueError: A number in them is not finite: the app's decoder would drop the push.
    """
    for name, value in (("content_state", content_state), ("alert", alert)):
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, and is a {type(value).__name__}")
    content_state = None if content_state is None else dict(content_state)
    alert = None if alert is None else dict(alert)
    dismissal_date = None if dismiss_after is None else int(now + dismiss_after)
    # Tried before anything is stored.
    end_payload(
        timestamp=int(now),
        content_state=content_state,
        alert=alert,
        dismissal_date=dismissal_date,
    )
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
