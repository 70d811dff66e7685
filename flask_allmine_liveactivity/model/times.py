"""When a thing is due: seconds since the epoch (``float``), unless a field says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

# 9999-12-31: "not again by itself" as a time that every database can compare and sort.
NEVER: float = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
# "Due now" by every clock: a time that one machine writes is the future of one that is behind.
DUE_NOW: float = 0.0


def newly_due(now: float) -> float:
    """A ``due_at`` that is due by every clock, too, and before all that were due already.

    Whoever has just ended does not wait behind thousands of others.
    """
    return -now
