"""A phone registers: who may hold what, and the two steps that lose no end push.

The session is committed first, and only then its stream's event is looked at, and woken where it
rests. Whoever ends the stream commits the event first and looks for sessions afterwards, and so
does who puts it to rest. One of the two always sees the other, in every interleaving.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from flask_allmine_liveactivity.model import (
    DUE_NOW,
    Announcement,
    Session,
    SessionStatus,
    StreamEvent,
    new_id,
)
from flask_allmine_liveactivity.model.canonical import canonical_token
from flask_allmine_liveactivity.model.host_answers import to_announce_as_read
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution


class Answer(StrEnum):
    """What a registering phone is told."""

    REGISTERED = "registered"
    LATE = "late"
    """The stream has ended: kept, and told at once."""
    CONFLICT = "conflict"
    """Another user holds the token or the activity."""
    ELSEWHERE = "elsewhere"
    """The token or the activity belongs to another stream."""
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True)
class MissingEnd:
    """An end of which the host knows, and that nobody has announced."""

    announcement: Announcement
    read: StreamEvent | None
    """The stream's row before the host was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A phone's request, as the endpoint has checked it."""

    user_id: str
    device_id: str
    activity_id: str
    stream_id: str
    token: str = field(repr=False)
    environment: str | None = None
    """The environment that the phone says its token is of; ``None``: it says nothing."""

    def session(self, now: float, lifetime: float) -> Session:
        """The row as it is where nothing stands in its way."""
        session_id = new_id()
        return Session(
            session_id=session_id,
            user_id=self.user_id,
            device_id=self.device_id,
            activity_id=self.activity_id,
            stream_id=self.stream_id,
            token=self.token,
            identity=_digest("identity", self.user_id, self.device_id, self.activity_id),
            activity_lock=_digest("activity", self.activity_id),
            registered_at=now,
            token_seen_at=now,
            expires_at=now + lifetime,
            due_at=DUE_NOW,
            environment=self.environment,
        )


def register(
    storage: Storage,
    claimant: Claimant,
    *,
    now: float,
    lifetime: float,
    max_per_user: int | None,
    ask_at: float | None = None,
    missing_end: MissingEnd | None = None,
    announced: Callable[[StreamEvent], object] = lambda _: None,
    to_be_told: Callable[[], object] = lambda: None,
    earlier_spellings: Sequence[str] = (),
) -> Answer:
    """Store a phone's session, and learn whether its stream has ended.

    Args:
        storage: Where to.
        claimant: The phone's request.
        now: The time.
        lifetime: How long a session may live, in seconds.
        max_per_user: How many sessions a user may have; ``None``: as many as he likes.
        ask_at: When the host is asked what the stream is, where it is not asked yet.
        missing_end: To be announced as well, unless the stream has been announced or scheduled
            again since the host was asked.
        announced: Called with its event, where it was.
        to_be_told: Called where there is something to tell the phone.
        earlier_spellings: Under which an earlier version may have kept the same stream.

    Raises:
        StorageUnavailable: Nothing may have been stored; the phone tries again.
    """
    session = claimant.session(now, lifetime)
    outcome = storage.sessions.register(
        session,
        lambda met: resolve(session, met, now, earlier_spellings),
        at_most=max_per_user,
    ).outcome
    if missing_end is not None:
        missing = missing_end.announcement
        there = storage.streams.write(
            session.stream_id, to_announce_as_read(missing_end.read, missing, now)
        )
        if there is not None and there.said == missing.said:
            announced(there)
    if outcome is Outcome.FULL:
        return Answer.TOO_MANY
    if outcome is Outcome.CONFLICT:
        return Answer.CONFLICT
    if outcome is Outcome.ELSEWHERE:
        return Answer.ELSEWHERE
    event = storage.streams.wake(session.stream_id, session.expires_at, now, ask_at=ask_at)
    late = event is not None and event.is_end
    if event is not None and event.event is not None and not event.is_a_newer_versions:
        to_be_told()
    if outcome is Outcome.CONTESTED:
        return Answer.LATE if late else Answer.CONFLICT
    return Answer.LATE if late else Answer.REGISTERED


def resolve(
    new: Session, met: Sequence[Session], now: float, earlier_spellings: Sequence[str] = ()
) -> Resolution:
    """Decide on a registration from the rows that share its token, identity or activity.

    Only what is *held* stands in the way: an active, unexpired session that has an owner. Rows
    that are over, released or forgotten yield. A row of the same stream under one of its
    `earlier_spellings` moves to its canonical id.
    """
    by_token = next((row for row in met if row.token == new.token), None)
    own = next((row for row in met if row.identity == new.identity), None)

    held = [row for row in met if _is_held(row, now)]
    token_taken = by_token in held and by_token.user_id != new.user_id
    # An activity belongs to one stream, and so does its token.
    same_stream = (new.stream_id, *earlier_spellings)
    elsewhere = any(row.user_id == new.user_id and row.stream_id not in same_stream for row in held)
    if token_taken:
        return Resolution(outcome=Outcome.CONFLICT)
    if elsewhere:
        return Resolution(outcome=Outcome.ELSEWHERE)

    survivor = by_token or own
    others = [row for row in met if survivor is None or row.session_id != survivor.session_id]
    superseded = [row for row in others if row.identity == new.identity]
    in_the_way = [
        row for row in others if row.activity_lock == new.activity_lock and row not in superseded
    ]
    kept_from_it = [row for row in in_the_way if _is_held(row, now)]
    row = new if survivor is None else _renewed(survivor, new, now)
    return Resolution(
        outcome=(
            Outcome.CONTESTED
            if any(other.user_id != new.user_id for other in kept_from_it)
            else Outcome.STORED
        ),
        write=replace(row, activity_lock=row.session_id) if kept_from_it else row,
        delete=tuple(other.session_id for other in superseded),
        unlock=tuple(other.session_id for other in in_the_way if not _is_held(other, now)),
    )


def _renewed(row: Session, new: Session, now: float) -> Session:
    """The row of an activity that is registered again."""
    same_token = canonical_token(row.token) == canonical_token(new.token)
    # What is known of a token goes with it.
    environment = new.environment or (row.environment if same_token else None)
    if row.user_id != new.user_id or row.stream_id != new.stream_id or row.expires_at <= now:
        # It has changed hands, or begins a new life: nothing of the old one counts.
        return replace(new, session_id=row.session_id, environment=environment)
    seen = replace(
        row,
        device_id=new.device_id,
        activity_id=new.activity_id,
        token=new.token,
        identity=new.identity,
        activity_lock=new.activity_lock,
        environment=environment,
        token_seen_at=now,
        # A 410 that has been passed over once is believed the next time, unless the phone has
        # been heard of in between.
        reason=None,
    )
    as_before = same_token and environment == row.environment
    if as_before and row.status is SessionStatus.ACTIVE:
        return seen
    again = replace(
        seen,
        status=SessionStatus.ACTIVE,
        attempts=0,
        rejections=0,
        claim_id=None,
        leased_until=0.0,
    )
    if not as_before:
        again = replace(again, due_at=DUE_NOW)
    if row.status is not SessionStatus.ACTIVE:
        # The phone shows that it is still alive: Apple keeps one undelivered notification per
        # app, so an accepted end can have been overwritten. due_at keeps the time between two
        # pushes.
        again = replace(again, delivered=0)
    return again


def _is_held(row: Session, now: float) -> bool:
    return row.status is SessionStatus.ACTIVE and row.expires_at > now and row.user_id is not None


def _digest(*parts: str) -> str:
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
