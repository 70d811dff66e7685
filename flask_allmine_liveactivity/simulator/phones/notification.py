"""What a phone reads in a push, or why it drops it.

Source, where no other is named: Apple, "Starting and updating Live Activities with ActivityKit push
notifications". Nobody is told of a push that is dropped: not the server, not the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity.model.content_state import (
    ContentState,
    Undecodable,
    is_number,
    shown,
)
from flask_allmine_liveactivity.simulator.payload import (
    EVENTS,
    FURTHEST_AHEAD,
    MAX_PAYLOAD,
    MILLISECONDS,
)
from flask_allmine_liveactivity.simulator.received import Received


class Dropped(Exception):
    """The phone drops a push; the message says why."""


@dataclass(frozen=True, slots=True)
class Notification:
    """The ``aps`` dictionary of a push that decodes. Dates are seconds since the epoch."""

    event: str
    timestamp: float
    content_state: Mapping[str, Any] | None
    """As the app sees it; ``None`` only with an end."""
    stale_date: float | None
    relevance_score: float
    dismissal_date: float | None
    alert: Mapping[str, Any] | None
    aps: Mapping[str, Any]


def read_notification(
    push: Received, now: float, declared: ContentState | None, *, limit: int = MAX_PAYLOAD
) -> Notification:
    """Read a push.

    Args:
        push: As Apple has accepted it.
        now: The phone's time, in seconds since the epoch.
        declared: The app's; ``None``: any object decodes.
        limit: The largest payload, in bytes.

    Raises:
        Dropped: It breaks a rule that holds for every push.
    """
    if len(push.body) > limit:
        raise Dropped(f"The payload has {len(push.body)} bytes, and may have {limit}.")
    if not push.aps:
        raise Dropped("The payload has no aps dictionary.")
    timestamp = _timestamp(push.aps, now)
    event = push.aps.get("event")
    if event not in EVENTS:
        raise Dropped(f"event is {shown(event)}, and must be start, update or end.")
    alert = push.aps.get("alert")
    return Notification(
        event=event,
        timestamp=timestamp,
        content_state=_content_state(push.aps, declared),
        stale_date=_number(push.aps, "stale-date"),
        relevance_score=_number(push.aps, "relevance-score") or 0.0,
        dismissal_date=_number(push.aps, "dismissal-date"),
        alert=alert if isinstance(alert, dict) else None,
        aps=push.aps,
    )


def alert_text(alert: Mapping[str, Any]) -> str:
    """What an alert says: its title and body, one line each.

    What is to be translated stands in the app's own strings, which are not here: its ``loc-key``
    is shown, and its ``loc-args`` after it.
    """
    return "\n".join(line for line in (_line(alert.get("title")), _line(alert.get("body"))) if line)


def _line(text: object) -> str:
    if not isinstance(text, dict):
        return "" if text is None else str(text)
    arguments = text.get("loc-args")
    shown = ", ".join(map(str, arguments)) if isinstance(arguments, list) else ""
    return f"{text.get('loc-key', '')}{f' ({shown})' if shown else ''}"


def _timestamp(aps: Mapping[str, Any], now: float) -> float:
    timestamp = _number(aps, "timestamp")
    if timestamp is None:
        raise Dropped("timestamp is missing.")
    if timestamp > MILLISECONDS:
        raise Dropped("timestamp is in milliseconds, and must be in seconds.")
    # Apple, "Displaying live data with Live Activities": no activity runs longer.
    if timestamp > now + FURTHEST_AHEAD:
        raise Dropped("timestamp is more than 8 hours ahead of the phone's clock.")
    return timestamp


def _content_state(aps: Mapping[str, Any], declared: ContentState | None) -> dict[str, Any] | None:
    if "content-state" not in aps:
        # WWDC23, session 10185: an activity that ends without one keeps what it shows.
        if aps["event"] == "end":
            return None
        raise Dropped(f"content-state is missing, and a push of event {aps['event']} needs it.")
    given = aps["content-state"]
    if not isinstance(given, dict):
        raise Dropped("content-state is not an object.")
    if declared is None:
        return given
    try:
        return declared.decode(given)
    except Undecodable as error:
        raise Dropped(f"It does not decode: {error}") from error


def _number(aps: Mapping[str, Any], key: str) -> float | None:
    number: Any = aps.get(key)
    if number is None:
        return None
    if not is_number(number):
        raise Dropped(f"{key} is {shown(number)}, and must be a number.")
    return float(number)
