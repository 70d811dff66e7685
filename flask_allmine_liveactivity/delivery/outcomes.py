"""What each verdict makes of a session."""

from __future__ import annotations

import random
from collections.abc import Callable

from flask_allmine_liveactivity.model import (
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    Verdict,
)

# Back-off for a token, in seconds: the longest wait after the first refusal, and the longest of
# all (Apple's page names 15 minutes for a 500).
FIRST_BACKOFF = 4.0
LONGEST_BACKOFF = 15 * 60.0
# Waits are drawn from so many steps, so that a batch is settled in as many writes, not in one for
# each session.
BACKOFF_STEPS = 16
# After a rejection: long waits, in which a person may notice that sandbox and production are
# mixed up, and the end after the third.
REJECTION_WAITS = (15 * 60.0, 60 * 60.0)
# A phone is told again at most once in so many seconds.
TOLD_AGAIN_AFTER = 30.0
# The wait after a 410 that is older than the registration.
STALE_GONE_WAIT = 5.0

EXPIRED = "Expired"
_GONE_REASONS = frozenset({"Unregistered", "ExpiredToken", "HTTP 410"})


def settle(
    result: PushResult,
    *,
    revision: int,
    ends: bool = True,
    claimed_at: float,
    now: float,
    chance: Callable[[], float] = random.random,
) -> Settlement:
    """What a session becomes after a push.

    Args:
        result: What became of the push.
        revision: The revision that was pushed.
        ends: Whether it was an end: who has been told an update runs on, and nobody is given up for
            the refusal of one but where the activity is gone.
        claimed_at: When the session was claimed.
        now: The time.
        chance: Draws from 0 up to 1, for the jitter.
    """
    session = result.push.session
    # What the phone has done since overrules it. Whoever was seen at a time that is still to come
    # has been seen by a clock that is ahead of ours: there only what comes later counts.
    seen_by_then = max(claimed_at, session.token_seen_at)
    match result.verdict:
        case Verdict.DELIVERED:
            return _told(session, revision, seen_by_then, now, ends=ends)
        case Verdict.GONE:
            return _gone(session, result, revision, seen_by_then, now)
        case Verdict.REJECTED:
            return _rejected(session, result, revision, now, ends=ends)
        case Verdict.RETRY | Verdict.ODD:
            wait = _asked_for(result.retry_after) or backoff(session.attempts, chance())
            return _later(
                session,
                now + wait,
                reason=result.reason,
                attempts=session.attempts + 1,
                refused=revision,
            )
        case Verdict.UNREACHABLE:
            # Untouched, but after the others who are due: one to whom no push is ever answered
            # would be the first in each run.
            return _later(session, now, reason=session.reason, attempts=session.attempts)
        case Verdict.MISCONFIGURED:
            return give_back(session)
        case Verdict.POSTPONED:
            return _postponed(session, result, now)


def _told(
    session: Session, revision: int, seen_by_then: float, now: float, *, ends: bool
) -> Settlement:
    return Settlement(
        session=session,
        status=SessionStatus.ENDED if ends else SessionStatus.ACTIVE,
        delivered=revision,
        # The next thing to be told begins with no waits of this one.
        attempts=session.attempts if ends else 0,
        rejections=session.rejections if ends else 0,
        due_at=now + TOLD_AGAIN_AFTER if ends else now,
        reason=None,
        whoever_holds_the_lease=True,
        not_seen_after=seen_by_then,
        refused=session.refused,
        environment=session.environment,
    )


def pass_over(session: Session, revision: int, now: float) -> Settlement:
    """Whoever has no owner any more is told ends alone: what an update says is for who has gone."""
    return _told(session, revision, max(now, session.token_seen_at), now, ends=False)


def _postponed(session: Session, result: PushResult, now: float) -> Settlement:
    # Not the bare reason: this session was not refused for it. Its own refusal stays on record.
    waits_for = f"{result.environment}: {result.reason}"
    return _later(
        session,
        now + _asked_for(result.retry_after),
        reason=session.reason if session.attempts else waits_for,
        attempts=session.attempts,
    )


def give_back(session: Session) -> Settlement:
    """Give a claim back untouched."""
    return _later(session, session.due_at, reason=session.reason, attempts=session.attempts)


def overruled(settlement: Settlement) -> Settlement:
    """What a session becomes where the phone was seen after its push went out: it runs on.

    It is told again, but not more often than once in ``TOLD_AGAIN_AFTER`` seconds.
    """
    session = settlement.session
    return _later(session, settlement.due_at, reason=None, attempts=session.attempts)


def expire(session: Session, now: float) -> Settlement:
    """Give up a session at the end of its life; the last refusal stays on record."""
    reason = f"{EXPIRED}: {session.reason}" if session.reason else EXPIRED
    return _dead(session, now, reason=reason)


def backoff(attempts: int, chance: float) -> float:
    """Seconds to wait after so many attempts: exponential, with full jitter in coarse steps."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempts, 30))
    step = int(chance * BACKOFF_STEPS) + 1
    return longest * step / BACKOFF_STEPS


def _asked_for(retry_after: float | None) -> float:
    """Seconds that the push service asks to wait, as far as we do: 0 where it asks for nothing."""
    if retry_after is None or not retry_after > 0:  # NaN is not
        return 0.0
    return min(retry_after, LONGEST_BACKOFF)


def _gone(
    session: Session, result: PushResult, revision: int, seen_by_then: float, now: float
) -> Settlement:
    # Apple, "Handling notification responses from APNs": stop sending until a token with a later
    # timestamp comes. A registration after that time is one; but a second 410 is believed.
    stale = result.gone_since is not None and result.gone_since <= session.token_seen_at
    if stale and session.reason not in _GONE_REASONS:
        return _later(
            session,
            now + STALE_GONE_WAIT,
            reason=_gone_reason(result),
            attempts=session.attempts + 1,
            refused=revision,
        )
    return _dead(
        session,
        now,
        reason=_gone_reason(result),
        attempts=session.attempts + 1,
        not_seen_after=seen_by_then,
    )


def _gone_reason(result: PushResult) -> str:
    return result.reason if result.reason in _GONE_REASONS else "HTTP 410"


def _rejected(
    session: Session, result: PushResult, revision: int, now: float, *, ends: bool
) -> Settlement:
    rejections = session.rejections + 1
    if ends and rejections > len(REJECTION_WAITS):
        return _dead(
            session,
            now,
            reason=result.reason,
            attempts=session.attempts + 1,
            rejections=rejections,
        )
    return _later(
        session,
        now + REJECTION_WAITS[min(rejections, len(REJECTION_WAITS)) - 1],
        reason=result.reason,
        attempts=session.attempts + 1,
        rejections=rejections,
        refused=revision,
    )


def _later(
    session: Session,
    due_at: float,
    *,
    reason: str | None,
    attempts: int,
    rejections: int | None = None,
    refused: int | None = None,
) -> Settlement:
    return Settlement(
        session=session,
        status=SessionStatus.ACTIVE,
        delivered=session.delivered,
        attempts=attempts,
        rejections=session.rejections if rejections is None else rejections,
        # Not beyond its life: there it is given up, on record.
        due_at=min(due_at, session.expires_at),
        reason=_short(reason),
        whoever_holds_the_lease=False,
        refused=session.refused if refused is None else refused,
        environment=session.environment,
    )


def _dead(
    session: Session,
    now: float,
    *,
    reason: str | None,
    attempts: int | None = None,
    rejections: int | None = None,
    not_seen_after: float | None = None,
) -> Settlement:
    return Settlement(
        session=session,
        status=SessionStatus.DEAD,
        delivered=session.delivered,
        attempts=session.attempts if attempts is None else attempts,
        rejections=session.rejections if rejections is None else rejections,
        due_at=now + TOLD_AGAIN_AFTER,
        reason=_short(reason),
        whoever_holds_the_lease=True,
        not_seen_after=not_seen_after,
        refused=session.refused,
        environment=session.environment,
    )


def _short(reason: str | None) -> str | None:
    return None if reason is None else reason[:255]
