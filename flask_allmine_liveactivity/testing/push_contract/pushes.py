"""Pushes to Live Activities that nobody has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from flask_allmine_liveactivity.model import Push, Session, new_apns_ids
from flask_allmine_liveactivity.push.payload import end_payload

STREAM = "65f1c0ffee65f1c0ffee65f1"
HOUR = 3600.0


def a_token(number: int) -> str:
    """The device token of a Live Activity: 160 hex digits, as iOS hands them out today."""
    return f"{number:0160x}".replace("0", "e", 1)


def a_push(number: int = 1, *, now: float | None = None) -> Push:
    """The end push to the activity of that number."""
    now = time.time() if now is None else now
    token = a_token(number)
    return Push(
        token=token,
        payload=end_payload(
            timestamp=int(now), content_state=None, alert=None, dismissal_date=None
        ),
        apns_id=next(new_apns_ids()),
        priority=10,
        expiration=int(now + 12 * HOUR),
        target=Session(
            session_id=f"session-{number}",
            user_id="ada",
            device_id=f"device-{number}",
            activity_id=f"activity-{number}",
            stream_id=STREAM,
            token=token,
            identity=f"identity-{number}",
            activity_lock=f"hold-{number}",
            registered_at=now,
            token_seen_at=now,
            expires_at=now + 12 * HOUR,
        ),
    )


def some_pushes(count: int, *, first: int = 1) -> list[Push]:
    """Pushes to so many activities."""
    return [a_push(number) for number in range(first, first + count)]


class Drawn:
    """An audience without end, which counts how many have been drawn from it."""

    def __init__(self) -> None:
        self.count = 0

    def __iter__(self) -> Iterator[Push]:
        for number in itertools.count(1):
            self.count += 1
            yield a_push(number)
