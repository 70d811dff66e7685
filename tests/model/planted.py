"""Bugs that the machine must find: each breaks one rule of the design, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from flask_allmine_liveactivity import MemoryStorage
from flask_allmine_liveactivity.app import registering
from flask_allmine_liveactivity.delivery import fan_out, rests
from flask_allmine_liveactivity.delivery.outcomes import settle
from flask_allmine_liveactivity.model import (
    Announcement,
    Push,
    PushResult,
    Session,
    Settlement,
    StreamEvent,
    Verdict,
    stream_writes,
)
from flask_allmine_liveactivity.phones import registration
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemorySessions, MemoryStreams


def settled_before_the_answer() -> contextlib.AbstractContextManager[Any]:
    """A push that is drawn counts as delivered, whatever becomes of it."""
    draw = fan_out.FanOut._pushes

    def drawn(self: fan_out.FanOut) -> Iterator[Push]:
        for push in draw(self):
            batch = self._in_flight.batch_of(push.session)
            assert batch is not None
            delivered = PushResult(push, Verdict.DELIVERED, status=200)
            settlement = settle(delivered, revision=batch.revision, claimed_at=0.0, now=batch.now)
            self._storage.sessions.settle([settlement])
            yield push

    return mock.patch.object(fan_out.FanOut, "_pushes", drawn)


def timestamps_that_do_not_rise() -> contextlib.AbstractContextManager[Any]:
    """Each end is dated by the clock, though it may stand still or be set back."""
    follow = stream_writes.next_event

    def dated_by_the_clock(
        current: StreamEvent | None, announcement: Announcement, now: float
    ) -> StreamEvent:
        return replace(follow(current, announcement, now), timestamp=int(now))

    return mock.patch.object(stream_writes, "next_event", dated_by_the_clock)


class _IgnoresTheTouch(MemoryStreams):
    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        now = ((event, self.read(event.stream_id), due_at) for event, due_at in rests)
        return super().rest(
            [(replace(event, touch=row.touch), due_at) for event, row, due_at in now if row]
        )


class _IgnoresTheLease(MemorySessions):
    def settle(self, settlements: Sequence[Settlement]) -> int:
        rows = {row.session_id: row for row in self.page(limit=1000)}

        def with_the_claim(session: Session) -> Session:
            row = rows.get(session.session_id)
            return session if row is None else replace(session, claim_id=row.claim_id)

        return super().settle(
            [
                replace(settlement, session=with_the_claim(settlement.session))
                for settlement in settlements
            ]
        )


def checked_before_it_is_stored() -> contextlib.AbstractContextManager[Any]:
    """A registration looks for an end first, and stores the session afterwards."""
    in_order = registration.register

    def reversed_order(storage: Storage, claimant: registration.Claimant, **named: Any) -> Any:
        until, ask_at = named["now"] + named["lifetime"], named["ask_at"]
        storage.streams.wake(claimant.stream_id, until, named["now"], ask_at=ask_at)
        with mock.patch.object(storage.streams, "wake", _wakes_nobody):
            return in_order(storage, claimant, **named)

    return mock.patch.object(registering, "register", reversed_order)


def _wakes_nobody(stream_id: str, expires_at: float, now: float, *, ask_at: float | None) -> None:
    """The look at the event that should have come last."""


def looked_before_it_rests() -> contextlib.AbstractContextManager[Any]:
    """A worker looks who is pending, and puts the event to rest afterwards."""

    def look_then_rest(
        storage: Storage, events: Sequence[StreamEvent], now: float, sweep_interval: float
    ) -> tuple[float, bool]:
        dues = storage.sessions.next_due_of_each(events)
        looks = [(event, dues.get(event.stream_id, now + sweep_interval)) for event in events]
        all_rest = storage.streams.rest(looks) == len(looks)
        return min(due_at for _, due_at in looks), all_rest

    return mock.patch.object(rests, "rest_then_look", look_then_rest)


@contextlib.contextmanager
def over(parts: dict[str, Any]) -> Iterator[Storage]:
    yield MemoryStorage(**{name: kind() for name, kind in parts.items()})


Plant = Callable[[], contextlib.AbstractContextManager[Any]]

# By name: a patch of the code, or a storage of its own.
PATCHES: dict[str, Plant] = {
    "settled before the answer": settled_before_the_answer,
    "timestamps that do not rise": timestamps_that_do_not_rise,
    "checked before it is stored": checked_before_it_is_stored,
    "looked before it rests": looked_before_it_rests,
}
STORAGES: dict[str, dict[str, Any]] = {
    "an event closed without looking at touch": {"streams": _IgnoresTheTouch},
    "a lease ignored at settle": {"sessions": _IgnoresTheLease},
}
