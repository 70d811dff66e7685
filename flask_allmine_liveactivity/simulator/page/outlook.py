"""What the host means to do for a Live Activity, as far as it lets the page know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Event = Literal["end", "update"]
Fate = Literal["follows", "waits", "held", "told", "given-up"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the host has written down for one Live Activity.

    Args:
        fate: ``follows``: it has been told all there is. ``waits``: it is still to be told.
            ``held``: as its whole stream is, until somebody has mended something. ``told``:
            Apple has accepted its end. ``given-up``: it is told nothing more, unless it is
            registered again.
        reason: Why it has not been told, or why nothing more is sent; ``None``: there is none.
        next_try: When it is due, in seconds since the epoch; it may have passed. ``None``: not by
            itself.
        event: What is to be told of its stream; ``None``: nothing is.
        asked_at: When the host is asked next what the stream is, in seconds since the epoch;
            ``None``: it is not.
        found: The state that the host's last answer was, where that does not count yet.
    """

    fate: Fate
    reason: str | None = None
    next_try: float | None = None
    event: Event | None = None
    asked_at: float | None = None
    found: str | None = None


Outlooks: TypeAlias = Callable[[str], Mapping[str, Outlook] | None]
"""Given the id of a stream: the outlook of each activity that the host knows, by the activity's id;
``None``: it cannot be said now."""

Resend: TypeAlias = Callable[[str], object]
"""Given the id of a stream: makes due now whoever of it was refused, and lifts its hold, as
``flask live-activity resend`` does."""
