"""A stream that a run is at, and what one claim of its sessions has brought."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask_allmine_liveactivity.model import Session, StreamEvent


@dataclass(slots=True)
class Stream:
    """A stream that a run is at."""

    event: StreamEvent
    round: int = 0
    """Who has been told less than this revision has not had his turn in this round; what he is told
    may be a later one."""
    begun: int | None = None
    """The round of which it is noted that it has begun."""
    payload: bytes = b""
    encoded: StreamEvent | None = None
    """The event that the payload tells."""
    drained: bool = False
    looked_at: float = 0.0
    """When it was drained, by the monotonic clock."""
    stamped_at: float = 0.0
    """When its event was stamped last, by the monotonic clock; 0: not yet."""


# So many are few.
FEW = 10


@dataclass(slots=True)
class Batch:
    """What one claim has brought.

    A session is known by its claim too: a token that has changed, or a clock that is set ahead,
    brings us one again while its last push is under way.
    """

    stream: Stream
    event: StreamEvent
    """As it was read before: only what was touched by then has surely been seen."""
    revision: int
    """What is pushed; it may have risen since they were claimed."""
    ends: bool
    """Whether that is an end."""
    claim_id: str
    limit: int
    sessions: list[Session]
    now: float
    began: float
    """By the monotonic clock, by which leases are measured."""
    seconds: float
    sent: int = 0
    """How many of its sessions have been handed to the push backend."""
    read: bool = False
    """Whether the event was read just before it was claimed, and not only when it was due."""
    unsettled: dict[str, Session] = field(default_factory=dict)
    """By id, those of whom it is not known yet what becomes of them."""

    @property
    def unsent(self) -> list[Session]:
        """Those that have not been handed to the push backend."""
        return self.sessions[self.sent :]

    @property
    def ends_soon(self) -> bool:
        """Whether few are left of it, and no more where they come from: these wait for nobody."""
        return not self.full and len(self.sessions) - self.sent <= FEW

    @property
    def full(self) -> bool:
        """Whether there may be more where they come from."""
        return len(self.sessions) == self.limit
