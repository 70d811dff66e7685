"""How times are written for people and programs: in logs, and by the command line."""

from __future__ import annotations

from datetime import UTC, datetime

# The one form: to the second. Strings sort as the times do.
FORM = "%Y-%m-%dT%H:%M:%SZ"


def utc(seconds: float) -> str:
    """A time in seconds since the epoch, as ``2026-01-15T10:30:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime(FORM)
