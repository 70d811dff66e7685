"""What a host says of a stream that is to come."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

SHOWN_BEFORE = timedelta(minutes=15)

# Made once: a countdown is made of each stream each minute.
_as_json = json.JSONEncoder(allow_nan=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Countdown:
    """A stream that is to come, and what its countdowns show: the host's answer to ``streams``.

    A new ``content_state`` is told to those that run. All else shapes those that are yet to be
    started, and when the stream is over by itself.

    Raises:
        TypeError: A value is of another type, or no JSON.
        ValueError: A time without a time zone, a number that is not finite, a negative duration.

    .. versionadded:: 0.1.0
    """

    starts_at: float | datetime
    """When the stream begins: a ``datetime`` with a time zone, or seconds since the epoch, which it
    then is."""
    content_state: Mapping[str, Any]
    """What the countdown shows, in the very keys of the app's ``ContentState``."""
    attributes: Mapping[str, Any] | None = None
    """The app's ``ActivityAttributes``; must tell the app the stream's id."""
    alert: Mapping[str, Any] | None = None
    """What is said where a countdown appears; Apple requires it there."""
    shown_before: float | timedelta = SHOWN_BEFORE
    """How long before ``starts_at`` it appears, in seconds."""
    expires_after: float | timedelta | None = None
    """How long after ``starts_at`` it is over unless something else has been said, in seconds:
    ``expired``. ``None``: never by itself."""
    expires_at: float | None = field(init=False, default=None)
    """When that is, in seconds since the epoch."""

    def __post_init__(self) -> None:
        put = object.__setattr__  # it is frozen from here on
        starts_at = _time(self.starts_at)
        put(self, "starts_at", starts_at)
        for name in ("content_state", "attributes", "alert"):
            value = getattr(self, name)
            if value is not None or name == "content_state":
                put(self, name, _json_object(value, name))
        put(self, "shown_before", _duration(self.shown_before, "shown_before"))
        if self.expires_after is not None:
            expires_after = _duration(self.expires_after, "expires_after")
            put(self, "expires_after", expires_after)
            put(self, "expires_at", starts_at + expires_after)

    def kept(self) -> dict[str, Any]:
        """As it is kept in its stream's row: JSON values.

        .. versionadded:: 0.1.0
        """
        return {
            "starts_at": self.starts_at,
            "content_state": self.content_state,
            "attributes": self.attributes,
            "alert": self.alert,
            "shown_before": self.shown_before,
            "expires_after": self.expires_after,
        }


def _time(value: object) -> float:
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(
                "starts_at has no time zone: datetime(..., tzinfo=UTC), or seconds since the epoch"
            )
        return value.timestamp()
    return _finite(value, "starts_at", "a datetime with a time zone, or seconds since the epoch")


def _duration(value: object, name: str) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    seconds = _finite(value, name, "a timedelta, or seconds")
    if seconds < 0:
        raise ValueError(f"{name} must not be negative, and is {seconds!r}")
    return seconds


def _finite(value: object, name: str, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be {what}, and is a {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite")
    return float(value)


def _json_object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, and is a {type(value).__name__}")
    # As it is read again later: what is compared with it is compared with that.
    copied: dict[str, Any] = json.loads(_as_json(dict(value)))
    return copied
