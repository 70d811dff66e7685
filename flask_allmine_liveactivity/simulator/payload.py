"""What a phone asks of a payload that Apple has accepted.

APNs does not look inside: what breaks one of these rules is answered with 200, and dropped on the
phone without an error to anyone. Source, where no other is named: Apple, "Starting and updating
Live Activities with ActivityKit push notifications".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MAX_PAYLOAD = 4096
# Apple, "Displaying live data with Live Activities": no activity runs longer, and the system drops
# what is dated further ahead.
FURTHEST_AHEAD = 8 * 3600
# As seconds, this is the year 5138: whoever sends more has sent milliseconds.
MILLISECONDS = 1e11
EVENTS = ("start", "update", "end")


@lru_cache(maxsize=128)
def read_payload(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object, or ``None``; equal bodies, as of a fan-out, share one object."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def problems_of(body: bytes, now: float, limit: int = MAX_PAYLOAD) -> tuple[str, ...]:
    """Why a phone would drop this payload, or not do what it says; one sentence each.

    Args:
        body: The payload.
        now: Seconds since the epoch.
        limit: How many bytes a phone takes: a broadcast may have more.
    """
    return tuple(_problems(body, now, limit))


def _problems(body: bytes, now: float, limit: int) -> Iterator[str]:
    if len(body) > limit:
        yield f"The payload has {len(body)} bytes, and the phone drops more than {limit}."
    payload = read_payload(body)
    if payload is None:
        yield "The payload is not a JSON object."
        return
    aps = payload.get("aps")
    if not isinstance(aps, dict):
        yield "The payload has no aps dictionary."
        return
    yield from _timestamp_problems(aps, now)
    yield from _event_problems(aps)
    yield from _date_problems(aps)


def _timestamp_problems(aps: dict[str, Any], now: float) -> Iterator[str]:
    timestamp = aps.get("timestamp")
    if timestamp is None:
        yield "timestamp is missing."
    elif not _is_number(timestamp):
        yield f"timestamp is {timestamp!r}, and must be a number: seconds since the epoch."
    elif timestamp > MILLISECONDS:
        yield "timestamp is in milliseconds, and must be in seconds."
    elif timestamp > now + FURTHEST_AHEAD:
        yield "timestamp is more than 8 hours ahead."


def _event_problems(aps: dict[str, Any]) -> Iterator[str]:
    event = aps.get("event")
    if event is None:
        yield "event is missing: start, update or end."
    elif event not in EVENTS:
        yield f"event is {event!r}, and must be start, update or end."
    # An end push may do without: the activity keeps what it shows (WWDC23, session 10185).
    if "content-state" in aps:
        if not isinstance(aps["content-state"], dict):
            yield "content-state is not a JSON object."
    elif event in ("start", "update"):
        yield f"content-state is missing, and a push of event {event} needs it."
    if event == "start":
        for key in ("alert", "attributes-type", "attributes"):
            if aps.get(key) is None:
                yield f"{key} is missing, and a push of event start needs it."


def _date_problems(aps: dict[str, Any]) -> Iterator[str]:
    for key in ("dismissal-date", "stale-date"):
        date = aps.get(key, 0)
        if not _is_number(date):
            yield f"{key} is {date!r}, and must be a number: seconds since the epoch."
        elif date > MILLISECONDS:
            yield f"{key} is in milliseconds, and must be in seconds."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
