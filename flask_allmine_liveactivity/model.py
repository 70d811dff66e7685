"""The records that say what should be and what is, and the values that pass between the floors.

Times are seconds since the epoch (``float``) unless a field says otherwise. All are values, which
nobody changes; those of which one is made for each push are not frozen, since setting the fields
of a frozen one takes ten times as long.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

# 9999-12-31: "not again by itself" as a time that every database can compare and sort.
NEVER: float = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class StreamState(StrEnum):
    """The four moments that end a countdown."""

    CANCELLED = "cancelled"
    READY = "ready"
    STARTED = "started"
    EXPIRED = "expired"


class SessionStatus(StrEnum):
    """Where a session stands: still to be told, told, or given up."""

    ACTIVE = "active"
    ENDED = "ended"
    DEAD = "dead"


class Verdict(StrEnum):
    """What an answer of the push service means for the token that was pushed to."""

    DELIVERED = "delivered"
    """Accepted."""
    GONE = "gone"
    """410: the token is dead since a time that the answer gives."""
    REJECTED = "rejected"
    """This token does not work, for another reason."""
    RETRY = "retry"
    """Later, for this token."""
    UNREACHABLE = "unreachable"
    """No answer: it says nothing of the token."""
    MISCONFIGURED = "misconfigured"
    """The same for every token: a person has to mend something."""


def fingerprint(secret: str) -> str:
    """A short name for a token that is safe to log: it can be compared, and not turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def new_id() -> str:
    """An id for a row or a claim: 32 hex digits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def new_apns_ids() -> Iterator[str]:
    """Endless values of ``apns-id``, which Apple echoes: UUIDs of version 4 in canonical form.

    72 bits are drawn once, the last group counts: drawing each takes several times as long.
    """
    digits = os.urandom(9).hex()
    random = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:]}"
    return (f"{random}-{number:012x}" for number in itertools.count())


@dataclass(slots=True)
class Session:
    """One running Live Activity on one phone."""

    session_id: str
    user_id: str | None
    """``None``: released or forgotten by its owner, kept until it has been ended."""
    device_id: str
    activity_id: str
    stream_id: str
    token: str = field(repr=False)
    identity: str
    """Unique: one row for one activity of one user on one device."""
    hold: str
    """Unique: the activity where this row keeps other users from it, else its own id."""
    registered_at: float
    token_seen_at: float
    expires_at: float
    status: SessionStatus = SessionStatus.ACTIVE
    delivered: int = 0
    """The revision of its stream's event that it has been told."""
    attempts: int = 0
    rejections: int = 0
    """How often in this life the token was rejected; see ``Verdict.REJECTED``."""
    due_at: float = 0.0
    """Not to be claimed before. For an ended or dead row: not to be told again before."""
    reason: str | None = None
    """Why the last push did not end it."""
    claim_id: str | None = None
    """Of whoever has claimed it; only an active one is ever claimed."""
    leased_until: float = 0.0
    """Whoever has claimed it has it until then; 0: nobody has. Not in ``due_at``: what is indexed
    stays as it is, and so a claim is a cheap write."""

    @property
    def fingerprint(self) -> str:
        """The token's short name, for logs and lists."""
        return fingerprint(self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a stream's Live Activities must be told, before storage has given it a revision."""

    stream_id: str
    event: str
    state: StreamState
    content_state: Mapping[str, Any] | None
    alert: Mapping[str, Any] | None
    dismissal_date: int | None
    """Seconds since the epoch; ``None``: as iOS likes."""
    said: str
    """Two announcements with the same ``said`` are the same thing said twice."""
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """The latest thing that a stream's Live Activities must be told: one row a stream."""

    stream_id: str
    revision: int
    """Only ever rises, also over a reopen."""
    event: str | None
    """``end``; ``None`` after a reopen."""
    state: StreamState | None
    content_state: Mapping[str, Any] | None
    alert: Mapping[str, Any] | None
    dismissal_date: int | None
    timestamp: int
    """Seconds; strictly rising per stream, since iOS drops what is older than what it has seen."""
    expires_at: float
    said: str
    due_at: float
    touch: int
    """Raised by every late registration; a worker rests an event only at the touch it has read."""
    held_reason: str | None = None
    held_since: float | None = None


def next_event(current: StreamEvent | None, announcement: Announcement, now: float) -> StreamEvent:
    """The row that an announcement makes of the one that stands.

    The same thing said twice keeps revision and timestamp, so that nobody is told twice; whatever
    is still pending is looked at now, and a hold is lifted, since whoever repeats himself has
    perhaps just mended its cause.
    """
    again = (
        current is not None
        and current.event == announcement.event
        and current.said == announcement.said
    )
    if current is not None and again:
        revision, timestamp = current.revision, current.timestamp
        dismissal_date = current.dismissal_date
    else:
        revision = current.revision + 1 if current else 1
        timestamp = max(int(now), current.timestamp + 1) if current else int(now)
        dismissal_date = announcement.dismissal_date
    return StreamEvent(
        stream_id=announcement.stream_id,
        revision=revision,
        event=announcement.event,
        state=announcement.state,
        content_state=announcement.content_state,
        alert=announcement.alert,
        dismissal_date=dismissal_date,
        timestamp=timestamp,
        expires_at=max(announcement.expires_at, current.expires_at if current else 0.0),
        said=announcement.said,
        due_at=now,
        touch=current.touch + 1 if current else 0,
    )


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What a claimed session becomes."""

    session: Session
    """As it was claimed."""
    status: SessionStatus
    delivered: int
    attempts: int
    rejections: int
    due_at: float
    reason: str | None
    whoever_holds_the_lease: bool
    """``True``: it counts while the token is still the one pushed to. ``False``: only while the
    claim is still ours."""
    not_seen_after: float | None = None
    """It counts only if the phone has not registered after this time."""


@dataclass(slots=True, kw_only=True)
class Push:
    """One notification for one token."""

    token: str = field(repr=False)
    payload: bytes = field(repr=False)
    """One object shared by all pushes of an event."""
    apns_id: str
    priority: int
    expiration: int
    """Seconds since the epoch until when the push service keeps trying."""
    session: Session = field(repr=False)


@dataclass(slots=True)
class PushResult:
    """What became of one push."""

    push: Push
    verdict: Verdict
    status: int | None = None
    reason: str | None = None
    retry_after: float | None = None
    """Seconds from now."""
    gone_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What ``notify_stream_state`` has done.

    The four counts are ``None`` while the background is at it (``queued``).
    """

    stream_id: str
    state: StreamState
    revision: int
    queued: bool
    delivered: int | None = None
    gone: int | None = None
    retrying: int | None = None
    rejected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many sessions stand where."""

    active: int = 0
    pending: int = 0
    oldest_pending_since: float | None = None
    ended: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Pending ones that were refused at least once, by reason."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Given up, by reason."""
