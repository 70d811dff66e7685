"""What every storage can do, whatever database is behind it.

A storage keeps decided rows and is handed the time: it holds no rule of Apple's, no back-off and
no clock. What it must get right is atomicity, and each method says where.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from flask_allmine_liveactivity.model import (
    NEVER,
    Announcement,
    Counts,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
)


class Outcome(StrEnum):
    """How a registration was decided."""

    STORED = "stored"
    CONTESTED = "contested"
    """Kept as this user's own, though another user holds the activity."""
    CONFLICT = "conflict"
    """Nothing stored: the token or the activity is taken."""
    FULL = "full"
    """Nothing stored: the user has too many sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a registration does to the rows it meets; all of it is written, or none."""

    outcome: Outcome
    write: Session | None = None
    """The row as it shall stand: changed where its id was among the rows met, else new."""
    delete: tuple[str, ...] = ()
    """Ids of rows that the written one supersedes."""
    yield_hold: tuple[str, ...] = ()
    """Ids of rows whose ``hold`` becomes their own id, to make way."""


Resolve = Callable[[Sequence[Session]], Resolution]


def as_row(record: Session | StreamEvent) -> dict[str, Any]:
    """A record's values by column, each of a type that every database driver takes."""
    row: dict[str, Any] = {}
    for column in fields(record):
        value = getattr(record, column.name)
        row[column.name] = value.value if isinstance(value, StrEnum) else value
    return row


def changed_fields(before: Session, after: Session) -> dict[str, Any]:
    """Only what differs, so that a claim or settlement that came in between is not written over."""
    old, new = as_row(before), as_row(after)
    return {name: value for name, value in new.items() if value != old[name]}


def grouped(
    settlements: Sequence[Settlement],
) -> list[tuple[Settlement, list[Session]]]:
    """Settlements by what they write: a batch is settled in a few statements, not one a session."""
    groups: dict[tuple[object, ...], tuple[Settlement, list[Session]]] = {}
    for settlement in settlements:
        session = settlement.session
        key = (
            session.stream_id,
            settlement.status,
            settlement.delivered,
            settlement.attempts,
            settlement.rejections,
            settlement.due_at,
            settlement.reason,
            settlement.not_seen_after,
            None if settlement.whoever_holds_the_lease else session.claim_id,
        )
        groups.setdefault(key, (settlement, []))[1].append(session)
    return list(groups.values())


def settled_fields(settlement: Settlement) -> dict[str, Any]:
    """What a settlement writes, by column."""
    return {
        "status": settlement.status.value,
        "delivered": settlement.delivered,
        "attempts": settlement.attempts,
        "rejections": settlement.rejections,
        "due_at": settlement.due_at,
        "reason": settlement.reason,
        "claim_id": None,
        "leased_until": 0.0,
    }


# What a reopen leaves of an event: nothing to tell, and no reason to look at it again.
NOTHING_TO_TELL: Mapping[str, Any] = {
    "event": None,
    "state": None,
    "content_state": None,
    "alert": None,
    "dismissal_date": None,
    "said": "",
    "due_at": NEVER,
    "held_reason": None,
    "held_since": None,
}


def never_ended(stream_id: str, now: float) -> StreamEvent:
    """What a reopen writes of a stream that had no event."""
    return StreamEvent(
        stream_id=stream_id,
        revision=1,
        timestamp=0,
        expires_at=now,
        touch=0,
        **NOTHING_TO_TELL,
    )


def revived_fields(now: float) -> dict[str, Any]:
    """What makes a dead session one that has not been told yet, by column."""
    return {
        "status": SessionStatus.ACTIVE.value,
        "delivered": 0,
        "attempts": 0,
        "rejections": 0,
        "due_at": now,
        "reason": None,
    }


class Storage(ABC):
    """Where sessions and stream events live.

    Every method may be called from many threads and processes at once, and raises
    ``StorageUnavailable`` when the database does not answer.
    """

    @abstractmethod
    def prepare(self) -> None:
        """Make tables and indexes. Safe to repeat, and safe for many processes to race.

        Called by ``flask live-activity prepare``, and by every backend before its first use.
        """

    @abstractmethod
    def close(self) -> None:
        """Close what this storage has opened itself, and nothing of the host's."""

    @abstractmethod
    def register(self, session: Session, resolve: Resolve) -> Resolution:
        """Decide on a registration and write it, atomically and durably.

        Reads the rows that share ``token``, ``identity`` or ``hold`` with `session` (each is
        unique among all rows), calls `resolve` with them and writes what it answers. When another
        writer came in between, it reads and resolves again. It returns only when the row is
        committed: the registration's second step, ``touch``, must come after.

        Args:
            session: The row as it would be if nothing stood in its way.
            resolve: Decides; pure, and possibly called more than once.
        """

    @abstractmethod
    def count_of_user(self, user_id: str) -> int:
        """How many rows this user has, of any status."""

    @abstractmethod
    def make_room(self, user_id: str, rows: int, now: float) -> int:
        """Delete at most `rows` of this user's ended, dead and expired rows, oldest first."""

    @abstractmethod
    def announce(
        self, announcement: Announcement, now: float, *, only_at: int | None = None
    ) -> StreamEvent:
        """Write the latest thing to be told of a stream, as ``next_event`` decides, atomically.

        Args:
            announcement: What is to be told.
            now: The time.
            only_at: Write only where the event stands at this revision, 0 or none being where it
                does not stand at all; otherwise leave it as it is, and return it.
        """

    @abstractmethod
    def touch(self, stream_id: str, expires_at: float, now: float) -> StreamEvent | None:
        """Tell a stream's event, if it has one to tell, that a session has come late. A write.

        ``touch`` rises by one, ``due_at`` becomes `now` unless the event is held, and
        ``expires_at`` is no earlier than `expires_at`. Returns the event, or ``None``.
        """

    @abstractmethod
    def event(self, stream_id: str) -> StreamEvent | None:
        """The stream's event as it stands, also one without anything to tell."""

    @abstractmethod
    def due_events(self, now: float, limit: int) -> list[StreamEvent]:
        """Events with ``due_at <= now``, the longest due first: one index scan."""

    @abstractmethod
    def claim(
        self,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
    ) -> list[Session]:
        """Take pending sessions of a stream: none is ever taken twice under one lease.

        Takes up to `limit` rows that are active, have ``delivered < revision``, ``due_at <= now``
        and ``leased_until <= now``, and gives them `claim_id` and `leased_until`, atomically.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> int:
        """Write what sessions become, and clear their claims; returns how many counted.

        ``whoever_holds_the_lease``: counts where the session's stream still has a row with the
        session's token. Otherwise: where the row still has the session's ``claim_id``. Either way
        only where the row's ``token_seen_at`` is not later than ``not_seen_after``, if given.
        """

    @abstractmethod
    def next_due(self, stream_id: str, revision: int) -> float | None:
        """When the next session can be claimed: among the active ones with
        ``delivered < revision``, the earliest ``due_at``, or ``leased_until`` where it is claimed.
        """

    @abstractmethod
    def rest(self, event: StreamEvent, due_at: float) -> bool:
        """Look at an event again at `due_at`, and lift its hold: **only if** its ``revision`` and
        ``touch`` are still those of `event`, in one atomic step. Returns whether they were."""

    @abstractmethod
    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        """Hold an event back until `due_at`, if its revision is still the one of `event`."""

    @abstractmethod
    def lift(self, stream_id: str | None, now: float) -> int:
        """Lift the hold of a stream, or of all: due now. Returns how many were held."""

    @abstractmethod
    def reopen(self, stream_id: str, now: float) -> StreamEvent:
        """Forget a stream's end: nothing to tell, the revision one higher.

        Where there is no event, ``never_ended`` is written: a revision to be seen by whoever is
        about to announce an end of which he learned before.
        """

    @abstractmethod
    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        """Make unexpired dead sessions of a stream, or of all, active and due again.

        Returns how many, by stream. The caller touches the events.
        """

    @abstractmethod
    def release(self, user_id: str, device_id: str) -> int:
        """Take the owner off a user's active sessions on a device; they are still to be told."""

    @abstractmethod
    def forget_user(self, user_id: str) -> int:
        """Erase a user: active sessions lose owner and device, all others are deleted."""

    @abstractmethod
    def purge(self, before: float) -> int:
        """Delete sessions and events that expired before `before`, and ownerless rows that are
        not active. Returns how many rows went."""

    @abstractmethod
    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        """How many sessions stand where, over all streams or in one."""

    @abstractmethod
    def sessions(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        """A page of sessions by ascending ``session_id``, those greater than `after`."""

    @abstractmethod
    def held_events(self, limit: int) -> list[StreamEvent]:
        """Events that are held, the longest held first."""
