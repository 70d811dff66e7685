"""What the host's answer about a stream makes of its row: pure functions of both.

An answer is a ``Countdown``, the state in which the stream is over, ``None`` (to come, and nothing
to be shown), or ``SILENCE`` where there was none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.stream import FOUND, Announcement, StreamEvent, StreamState
from flask_allmine_liveactivity.model.stream_writes import Decide, next_event, nothing_to_tell

# How long the host may be silent about a countdown that has expired, in seconds.
LONGEST_SILENCE = 300.0


class Silence:
    """No answer: the question failed, or the stream was left out."""


SILENCE: Final = Silence()

HostAnswer = Countdown | StreamState | None | Silence


class Over(NamedTuple):
    """A stream that is over, as its host's answer says."""

    state: StreamState
    source: str
    """As ``StreamEvent.source``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to the host."""

    now: float
    again_at: float
    """When the host is asked next, unless a countdown that was known before expires sooner."""
    interval: float
    """Seconds between two questions: two answers that are to count must be so far apart."""
    counts_at_once: bool
    """Whether the host has just said that something has changed: one answer is enough."""
    kept_for: float
    """Seconds for which a row is kept after its countdown's end."""


def is_over(row: StreamEvent | None, answer: HostAnswer, asked: Asked) -> Over | None:
    """The end that is to be announced by this answer; ``None``: none.

    A state that is only found counts at the second answer in a row: a replica that lags behind a
    reopen says it once. Where the countdown has expired it was to be expected. For the same reason
    a countdown that has expired by the answer is over only where it was known before: a replica
    that lags behind a move answers the one from before it.
    """
    if row is not None and row.is_end:
        return None
    expiry = row.countdown_expires_at if row is not None else None
    has_expired = expiry is not None and expiry <= asked.now
    if isinstance(answer, StreamState):
        if asked.counts_at_once:
            return Over(answer, "said")
        return Over(answer, FOUND) if has_expired or _is_second(row, asked) else None
    if isinstance(answer, Countdown):
        is_late = answer.expires_at is not None and answer.expires_at <= asked.now
        counts = has_expired or asked.counts_at_once
        return Over(StreamState.EXPIRED, "expired") if is_late and counts else None
    if isinstance(answer, Silence) and has_expired and row is not None:
        since = row.silent_since
        if since is not None and asked.now - since >= LONGEST_SILENCE:
            return Over(StreamState.EXPIRED, "expired")
    return None


def _is_second(row: StreamEvent | None, asked: Asked) -> bool:
    if row is None or row.found_state is None or row.found_at is None:
        return False
    # Half of it: clocks differ, and a worker may be a little early.
    return asked.now - row.found_at >= asked.interval / 2


def noted(
    row: StreamEvent | None, stream_id: str, answer: HostAnswer, asked: Asked
) -> StreamEvent | None:
    """The row as an answer leaves it that announces nothing."""
    if row is None:
        if not isinstance(answer, Countdown):
            return None
        row = nothing_to_tell(stream_id, asked.now)
    if row.is_end:
        return replace(row, check_at=None)
    known = row.countdown
    if isinstance(answer, Silence):
        expiry = row.countdown_expires_at
        if expiry is not None and expiry <= asked.now and row.silent_since is None:
            row = replace(row, silent_since=asked.now)
    elif isinstance(answer, StreamState):
        row = replace(row, found_state=answer, found_at=asked.now, silent_since=None)
    else:
        row = _with_countdown(_nothing_found(row), answer, asked)
    is_sure = row.countdown == known or asked.counts_at_once
    at = _next_question(row, asked) if is_sure else asked.again_at
    # Nearly always it is the row as it was taken: of a hundred thousand streams no copy is made.
    return row if at == row.check_at else replace(row, check_at=at)


def _nothing_found(row: StreamEvent) -> StreamEvent:
    if (row.found_state, row.found_at, row.silent_since) == (None, None, None):
        return row
    return replace(row, found_state=None, found_at=None, silent_since=None)


def _with_countdown(row: StreamEvent, countdown: Countdown | None, asked: Asked) -> StreamEvent:
    if countdown is None:
        if (row.countdown, row.countdown_expires_at) == (None, None):
            return row
        return replace(row, countdown=None, countdown_expires_at=None)
    kept = countdown.kept()
    if kept == row.countdown:
        return row
    until = max(countdown.expires_at or 0.0, float(kept["starts_at"]), asked.now) + asked.kept_for
    return replace(
        row,
        countdown=kept,
        countdown_expires_at=countdown.expires_at,
        expires_at=max(row.expires_at, until),
    )


def _next_question(row: StreamEvent, asked: Asked) -> float:
    expiry = row.countdown_expires_at
    if expiry is not None and asked.now < expiry < asked.again_at:
        return expiry
    return asked.again_at


def has_moved(row: StreamEvent | None, countdown: Countdown) -> bool:
    """Whether a stream begins at another time than its host has said before."""
    before = row.countdown if row is not None else None
    return before is not None and before.get("starts_at") != countdown.starts_at


def is_news(row: StreamEvent | None, announcement: Announcement) -> bool:
    """Whether an update tells something else than what stands: the same again is ignored.

    One that says nothing aloud is no news where the same content was said aloud.
    """
    if row is None or row.event is None:
        return True
    if not row.is_update:
        return False
    if row.content_state != announcement.content_state:
        return True
    return announcement.alert is not None and row.said != announcement.said


def to_apply(
    read: StreamEvent | None,
    stream_id: str,
    answer: HostAnswer,
    asked: Asked,
    told: Announcement | None,
) -> Decide:
    """Write what an answer makes of a row, only where nobody has decided anything since it was
    read. What a worker has written meanwhile, as that he has looked, stays.

    Args:
        read: The row before the host was asked.
        stream_id: Whose.
        answer: The host's.
        asked: The question.
        told: What is announced in the same write, if anything is.
    """

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if not is_as_read(current, read):
            return current
        row = noted(current, stream_id, answer, asked)
        if told is not None:
            return next_event(row, told, asked.now)
        return current if row == current else row

    return decide


def to_announce_as_read(read: StreamEvent | None, announcement: Announcement, now: float) -> Decide:
    """Announce an end, only where none stands, and nobody has decided anything since the row was
    read."""

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if not is_as_read(current, read) or (current is not None and current.is_end):
            return current
        return next_event(current, announcement, now)

    return decide


def to_ask_no_more(read: StreamEvent) -> Decide:
    """Nobody is asked any more about a stream that is over, or that nobody follows."""

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if current is None or not is_as_read(current, read):
            return current
        return replace(current, check_at=None)

    return decide


def is_as_read(current: StreamEvent | None, read: StreamEvent | None) -> bool:
    """Whether nothing has been decided about a stream since its row was read: nothing announced,
    reopened, asked or answered."""
    if current is None or read is None:
        return current is read
    return _decided(current) == _decided(read)


def _decided(row: StreamEvent) -> tuple[object, ...]:
    return row.revision, row.check_at, row.countdown, row.found_at, row.silent_since
