"""The JSON that Apple takes, and its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.model import NEVER, StreamEvent
from flask_allmine_liveactivity.model.countdown import Countdown

# Apple, "Generating a remote notification": the maximum for all but VoIP and broadcast. The
# gateway lets a little more pass for Live Activities, and the phone then drops it.
MAX_PAYLOAD = 4096


def end_payload(
    *,
    timestamp: int,
    content_state: Mapping[str, Any] | None,
    alert: Mapping[str, Any] | None,
    dismissal_date: int | None,
) -> bytes:
    """The payload of an end push.

    Without `content_state` iOS ends the activity with what it shows last (Apple, WWDC23 session
    10185); a guessed one that the app cannot decode would be ignored, and the end with it.

    Args:
        timestamp: Seconds since the epoch; iOS drops what is older than what it has seen.
        content_state: The final state, in the very keys of the app's ``ContentState``.
        alert: ``title``, ``body`` and perhaps ``sound``; lights the screen.
        dismissal_date: When it leaves the lock screen, in seconds since the epoch; now or past:
            at once; ``None``: as iOS likes, at most four hours later.

    Raises:
        PayloadTooLarge: It would be over 4096 bytes.
    """
    aps: dict[str, Any] = {"timestamp": timestamp, "event": "end"}
    if content_state is not None:
        aps["content-state"] = content_state
    if dismissal_date is not None:
        aps["dismissal-date"] = dismissal_date
    if alert is not None:
        aps["alert"] = alert
    return _encoded(aps, "content_state or alert")


def update_payload(
    *, timestamp: int, content_state: Mapping[str, Any] | None, alert: Mapping[str, Any] | None
) -> bytes:
    """The payload of a push that tells a running activity what it shows from now on.

    Args:
        timestamp: Seconds since the epoch; iOS drops what is older than what it has seen.
        content_state: The whole state, in the very keys of the app's ``ContentState``.
        alert: ``title``, ``body`` and perhaps ``sound``; lights the screen.

    Raises:
        PayloadTooLarge: It would be over 4096 bytes.
    """
    aps: dict[str, Any] = {
        "timestamp": timestamp,
        "event": "update",
        "content-state": content_state,
    }
    if alert is not None:
        aps["alert"] = alert
    return _encoded(aps, "content_state or alert")


def require_room_for_start(countdown: Countdown) -> None:
    """See that a countdown can also be started from afar with what it shows.

    Raises:
        PayloadTooLarge: The start would be over 4096 bytes.
    """
    aps: dict[str, Any] = {
        "timestamp": int(NEVER),
        "event": "start",
        "content-state": countdown.content_state,
        "attributes-type": "",
        "attributes": countdown.attributes or {},
        "alert": countdown.alert or {},
        "input-push-token": 1,
    }
    _encoded(aps, "content_state, attributes or alert")


def _encoded(aps: Mapping[str, Any], too_large: str) -> bytes:
    text = json.dumps({"aps": aps}, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    payload = text.encode()
    if len(payload) > MAX_PAYLOAD:
        raise PayloadTooLarge(
            f"The push would be {len(payload)} bytes, and Apple allows {MAX_PAYLOAD}: "
            f"make {too_large} smaller. Nothing was stored."
        )
    return payload


def event_payload(event: StreamEvent) -> bytes:
    """The payload that tells an event: one object, shared by all of its pushes."""
    if event.is_update:
        return update_payload(
            timestamp=event.timestamp, content_state=event.content_state, alert=event.alert
        )
    return end_payload(
        timestamp=event.timestamp,
        content_state=event.content_state,
        alert=event.alert,
        dismissal_date=event.dismissal_date,
    )
