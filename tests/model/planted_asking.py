"""Bugs of updates and of questions that the machine with an asked host must find.

Each is one that code which knew of ends alone would have had by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from flask_allmine_liveactivity.app import missing_ends, registering
from flask_allmine_liveactivity.delivery import results
from flask_allmine_liveactivity.delivery.outcomes import settle
from flask_allmine_liveactivity.model import (
    NEVER,
    Announcement,
    Decide,
    PushResult,
    Session,
    Settlement,
    StreamEvent,
    StreamState,
    host_answers,
    stream_writes,
)
from flask_allmine_liveactivity.model.host_answers import Asked, HostAnswer, Over
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, MissingEnd
from flask_allmine_liveactivity.storage import streams
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemorySessions, MemoryStreams
from flask_allmine_liveactivity.storage.memory import sessions as memory_sessions
from flask_allmine_liveactivity.streams import asking
from model.planted import Plant


def an_update_taken_for_an_end() -> contextlib.AbstractContextManager[Any]:
    """Where anything stands, the end that the guard knows of is not announced."""
    of = missing_ends.MissingEnds.of

    def unless_something_stands(
        self: missing_ends.MissingEnds, storage: Storage, stream_id: str, user_id: str
    ) -> MissingEnd | None:
        row = storage.streams.read(stream_id)
        if row is not None and row.event is not None:
            return None
        return of(self, storage, stream_id, user_id)

    return mock.patch.object(missing_ends.MissingEnds, "of", unless_something_stands)


def late_where_anything_stands() -> contextlib.AbstractContextManager[Any]:
    """An update makes a 409 of a registration."""
    register = registering.register

    def late(storage: Storage, claimant: Claimant, **named: Any) -> Answer:
        answer = register(storage, claimant, **named)
        row = storage.streams.read(claimant.stream_id)
        stands = row is not None and row.event is not None
        return Answer.LATE if answer is Answer.REGISTERED and stands else answer

    return mock.patch.object(registering, "register", late)


class _LateAnswersCount(MemorySessions):
    """An answer counts whatever has been told since."""

    def settle(self, settlements: Sequence[Settlement]) -> int:
        def counts(row: Session, settlement: Settlement) -> bool:
            return row.stream_id == settlement.session.stream_id

        with mock.patch.object(memory_sessions, "_counts_for", counts):
            return super().settle(settlements)


def reopened_and_asked_no_more() -> contextlib.AbstractContextManager[Any]:
    """A reopen ends all questions."""
    reopen = streams.to_reopen

    def without_a_question(stream_id: str, now: float, **named: Any) -> Decide:
        return reopen(stream_id, now, **{**named, "ask_at": None})

    return mock.patch.object(streams, "to_reopen", without_a_question)


def an_update_that_lifts_a_hold() -> contextlib.AbstractContextManager[Any]:
    """Whoever announces anything has mended what held it."""
    follow = stream_writes.next_event

    def without_the_hold(
        current: StreamEvent | None, announcement: Announcement, now: float
    ) -> StreamEvent:
        row = follow(current, announcement, now)
        return replace(row, held_reason=None, held_since=None, due_at=min(row.due_at, 1.0))

    return _in_both("next_event", without_the_hold)


def an_end_under_an_updates_hold() -> contextlib.AbstractContextManager[Any]:
    """No announcement lifts a hold."""
    follow = stream_writes.next_event

    def with_the_hold(
        current: StreamEvent | None, announcement: Announcement, now: float
    ) -> StreamEvent:
        row = follow(current, announcement, now)
        if current is None or current.held_since is None:
            return row
        held = {"held_reason": current.held_reason, "held_since": current.held_since}
        return replace(row, due_at=current.due_at, **held)

    return _in_both("next_event", with_the_hold)


def _in_both(name: str, instead: Callable[..., Any]) -> contextlib.AbstractContextManager[Any]:
    stack = contextlib.ExitStack()
    for module in (stream_writes, host_answers):
        stack.enter_context(mock.patch.object(module, name, instead))
    return stack


class _RemembersRefusals(MemorySessions):
    """An end waits for the back-off of an update."""

    def forget_refusals(self, events: Sequence[StreamEvent], now: float) -> int:
        return 0


def given_up_for_refused_updates() -> contextlib.AbstractContextManager[Any]:
    """Who refuses three updates is as good as gone."""

    def as_of_an_end(result: PushResult, **named: Any) -> Settlement:
        if result.reason == "BadDeviceToken":
            named["ends"] = True
        return settle(result, **named)

    return mock.patch.object(results, "settle", as_of_an_end)


def found_at_the_first_answer() -> contextlib.AbstractContextManager[Any]:
    """One answer is enough, though a replica may lag behind."""
    return mock.patch.object(host_answers, "_is_second", return_value=True)


def found_at_the_third_answer() -> contextlib.AbstractContextManager[Any]:
    """An end waits for longer than two intervals."""

    def is_third(row: StreamEvent | None, asked: Asked) -> bool:
        found_at = None if row is None else row.found_at
        return found_at is not None and asked.now - found_at >= asked.interval * 3

    return mock.patch.object(host_answers, "_is_second", is_third)


def applied_without_a_look() -> contextlib.AbstractContextManager[Any]:
    """An answer counts whatever has been decided since the question."""
    return mock.patch.object(host_answers, "is_as_read", return_value=True)


def expired_at_one_answer() -> contextlib.AbstractContextManager[Any]:
    """A countdown that has expired by the answer alone is over, though a replica may lag."""
    is_over = host_answers.is_over

    def by_the_answer(row: StreamEvent | None, answer: HostAnswer, asked: Asked) -> Over | None:
        expiry = getattr(answer, "expires_at", None)
        ended = row is not None and row.is_end
        if expiry is not None and expiry <= asked.now and not ended:
            return Over(StreamState.EXPIRED, "expired")
        return is_over(row, answer, asked)

    return mock.patch.object(asking, "is_over", by_the_answer)


class _PutsNothingOff(MemoryStreams):
    """A question is taken, and stays due until it is answered."""

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        due = [row for row in self._rows.values() if (row.check_at or NEVER) <= now]
        return due[:limit]


class _AskedNeverAgain(MemoryStreams):
    """A question is taken for good: one that hangs is the last."""

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        return super().take_questions(now, limit, NEVER)


# By name: a patch of the code or a storage of its own, and an act in whose midst it shows.
PATCHES: dict[str, tuple[Plant, str]] = {
    "an update taken for an end": (an_update_taken_for_an_end, "follow what has ended unsaid"),
    "late where anything stands": (late_where_anything_stands, "follow"),
    "reopened, and asked no more": (reopened_and_asked_no_more, "end, found"),
    "an update that lifts a hold": (an_update_that_lifts_a_hold, "rename"),
    "an end under an update's hold": (an_end_under_an_updates_hold, "end, said by a change"),
    "given up for refused updates": (given_up_for_refused_updates, "end, said by a change"),
    "found at the first answer": (found_at_the_first_answer, "ask of what is scheduled again"),
    "found at the third answer": (found_at_the_third_answer, "end, found"),
    "applied without a look": (applied_without_a_look, "ask"),
    "expired at one answer": (expired_at_one_answer, "move in the last moment"),
}
STORAGES: dict[str, tuple[dict[str, Any], str]] = {
    "late answers that count": ({"sessions": _LateAnswersCount}, "deliver"),
    "an end that waits for an update": ({"sessions": _RemembersRefusals}, "end, said by a change"),
    "a question that is not put off": ({"streams": _PutsNothingOff}, "ask"),
    "a question that is asked once": ({"streams": _AskedNeverAgain}, "end, found"),
}
