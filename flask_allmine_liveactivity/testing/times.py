"""A time of the test's choosing."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta


def seconds_of(at: float | datetime | timedelta | None) -> float:
    """Seconds since the epoch, of whatever a test gives.

    Raises:
        ValueError: A ``datetime`` without a time zone, or no finite number.
    """
    if at is None or isinstance(at, timedelta):
        # Delivery itself counts in whole seconds, rounded up: what it gives back is due then.
        return math.ceil(time.time()) + (at.total_seconds() if at else 0.0)
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("at has no time zone: datetime(..., tzinfo=UTC)")
        return at.timestamp()
    if not math.isfinite(at):
        raise ValueError(f"at must be a finite number of seconds, and is {at!r}")
    return float(at)
