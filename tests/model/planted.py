"""Bugs that the machine must find: each breaks one rule of the design, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from flask_allmine_liveactivity import MemoryStorage, fanout, installation, registration
from flask_allmine_liveactivity.model import (
    Announcement,
    Push,
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    Verdict,
)
from flask_allmine_liveactivity.storage import memory
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.verdicts import settle


def settled_before_the_answer() -> contextlib.AbstractContextManager[Any]:
    """A push that is drawn counts as delivered, whatever becomes of it."""
    draw = fanout.FanOut._pushes

    def drawn(self: fanout.FanOut) -> Iterator[Push]:
        for push in draw(self):
            batch = self._hands.batch_of(push.session)
            assert batch is not None
            delivered = PushResult(push, Verdict.DELIVERED, status=200)
            settlement = settle(delivered, revision=batch.revision, claimed_at=0.0, now=batch.now)
            self._storage.settle([settlement])
            yield push

    return mock.patch.object(fanout.FanOut, "_pushes", drawn)


def timestamps_that_do_not_rise() -> contextlib.AbstractContextManager[Any]:
    """Each end is dated by the clock, though it may stand still or be set back."""
    follow = memory.next_event

    def dated_by_the_clock(
        current: StreamEvent | None, announcement: Announcement, now: float
    ) -> StreamEvent:
        return replace(follow(current, announcement, now), timestamp=int(now))

    return mock.patch.object(memory, "next_event", dated_by_the_clock)


class _KillsRotatedTokens(MemoryStorage):
    def settle(self, settlements: Sequence[Settlement]) -> int:
        rows = {row.session_id: row for row in self.sessions(limit=1000)}

        def of_the_row(settlement: Settlement) -> Settlement:
            row = rows.get(settlement.session.session_id)
            if row is None or settlement.status is not SessionStatus.DEAD:
                return settlement
            return replace(settlement, session=row, not_seen_after=None)

        return super().settle([of_the_row(settlement) for settlement in settlements])


class _IgnoresTheTouch(MemoryStorage):
    def rest(self, event: StreamEvent, due_at: float) -> bool:
        now = self.event(event.stream_id)
        return super().rest(replace(event, touch=now.touch) if now else event, due_at)


class _IgnoresTheLease(MemoryStorage):
    def settle(self, settlements: Sequence[Settlement]) -> int:
        rows = {row.session_id: row for row in self.sessions(limit=1000)}

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
        storage.touch(claimant.stream_id, named["now"] + named["lifetime"], named["now"])
        with mock.patch.object(storage, "touch", _touches_nothing):
            return in_order(storage, claimant, **named)

    return mock.patch.object(installation, "register", reversed_order)


def _touches_nothing(stream_id: str, expires_at: float, now: float) -> None:
    """The look at the event that should have come last."""


@contextlib.contextmanager
def over(kind: type[MemoryStorage]) -> Iterator[Storage]:
    yield kind()


Plant = Callable[[], contextlib.AbstractContextManager[Any]]

# By name: a patch of the code, or a storage of its own.
PATCHES: dict[str, Plant] = {
    "settled before the answer": settled_before_the_answer,
    "timestamps that do not rise": timestamps_that_do_not_rise,
    "checked before it is stored": checked_before_it_is_stored,
}
STORAGES: dict[str, type[MemoryStorage]] = {
    "a 410 that kills a rotated token": _KillsRotatedTokens,
    "an event closed without looking at touch": _IgnoresTheTouch,
    "a lease ignored at settle": _IgnoresTheLease,
}
