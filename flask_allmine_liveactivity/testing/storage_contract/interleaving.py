"""The two steps of a registration against an announcement and workers, in every order.

The phone commits its session, and then looks at the event and wakes it where it rests; the host
announces; a worker reads the event, claims, settles, rests the event, and then looks who is
pending. Whatever the order, afterwards the session has been told, or somebody will look at its
event. Where an order is wrong the tests notice it: there are two that are, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flask_allmine_liveactivity.delivery.schedule import rest_then_look
from flask_allmine_liveactivity.model import NEVER, SessionStatus, Settlement
from flask_allmine_liveactivity.phones.registration import Claimant, MissingEnd, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    STREAM,
    an_announcement,
    clear,
    delivered,
    everything,
    later,
    take,
    the_event,
)
from flask_allmine_liveactivity.testing.storage_contract.turns import Act, orders, play

Verdict = Callable[..., Settlement]

OLD, NEW = "aa" * 32, "bb" * 32
# How many calls of the storage each makes at the most.
PHONE, REPAIR, WORKER, HOST = 3, 4, 6, 1
# An event that rests is looked at again long after the test is over.
SWEEP_INTERVAL = 1000 * HOUR


def claimant(token: str = NEW) -> Claimant:
    return Claimant(
        user_id="ada", device_id="phone", activity_id="ride", stream_id=STREAM, token=token
    )


def sign_up(storage: Any, token: str = NEW) -> None:
    register(storage, claimant(token), now=NOW, lifetime=12 * HOUR, max_per_user=None)


def sign_up_after_a_look(storage: Any) -> None:
    """Wrong: the look at the event that must come last comes first."""
    storage.streams.wake(STREAM, NOW, NOW)
    session = claimant().session(NOW, 12 * HOUR)
    storage.sessions.register(
        session, lambda met: Resolution(outcome=Outcome.STORED, write=session)
    )


def announcing(storage: Any, said: str = "started") -> None:
    storage.streams.announce(an_announcement(said=said), NOW)


def repair(storage: Any) -> None:
    """A registration for a stream whose end the host knows, and has not announced."""
    register(
        storage,
        claimant(),
        now=NOW,
        lifetime=12 * HOUR,
        max_per_user=None,
        missing_end=MissingEnd(an_announcement(), None),
    )


def reopening(storage: Any) -> None:
    storage.streams.reopen(STREAM, NOW)


def working(storage: Any, verdict: Verdict = delivered, rest: Act | None = None) -> None:
    """One look at the event, as a run does it; at rest it is not looked at again in the test."""
    event = storage.streams.read(STREAM)
    if event is None or event.event is None:
        return
    claimed = take(storage, revision=event.revision)
    if verdict is delivered:
        storage.sessions.settle([delivered(session, event.revision) for session in claimed])
    else:
        storage.sessions.settle([verdict(session) for session in claimed])
    if rest is None:
        rest_then_look(storage, [event], NOW, SWEEP_INTERVAL)
    else:
        rest(event)


def look_then_rest(storage: Any) -> None:
    """Wrong: the worker looks for pending sessions before he rests the event."""

    def rest(event: Any) -> None:
        due_at = storage.sessions.next_due(STREAM, event.revision)
        storage.streams.rest([(event, NEVER if due_at is None else due_at)])

    working(storage, rest=rest)


def assert_nobody_is_lost(storage: Storage, order: tuple[str, ...]) -> None:
    (session,) = everything(storage)
    event = the_event(storage)
    told = session.status is SessionStatus.ENDED and session.delivered == event.revision
    assert told or event.due_at <= max(NOW, session.due_at), f"lost in the order {order}"


class Interleaving:
    orders_tried = 84
    """How many orders are tried of those that can happen, by chance where these are more: 84 are
    all of a phone and a worker."""

    def test_a_first_registration_is_never_lost(self, storage: Storage) -> None:
        acts: dict[str, Act] = {"phone": sign_up, "host": announcing, "worker": working}
        for order in self._orders(phone=PHONE, host=HOST, worker=WORKER):
            clear(storage)
            play(storage, order, acts)
            assert_nobody_is_lost(storage, order)

    def test_a_rotated_token_is_never_lost(self, storage: Storage) -> None:
        for order in self._orders(phone=PHONE, worker=WORKER):
            clear(storage)
            sign_up(storage, OLD)
            announcing(storage)
            play(storage, order, {"phone": sign_up, "worker": working})
            assert_nobody_is_lost(storage, order)
            (session,) = everything(storage)
            assert session.token == NEW

    def test_a_session_that_waits_for_its_next_try_is_never_lost(self, storage: Storage) -> None:
        acts: dict[str, Act] = {"phone": sign_up, "worker": partial(working, verdict=later)}
        for order in self._orders(phone=PHONE, worker=WORKER):
            clear(storage)
            announcing(storage)
            play(storage, order, acts)
            assert_nobody_is_lost(storage, order)

    def test_a_session_is_never_lost_between_two_workers(self, storage: Storage) -> None:
        for order in self._orders(phone=PHONE, one=WORKER, two=WORKER):
            clear(storage)
            announcing(storage)
            play(storage, order, {"phone": sign_up, "one": working, "two": working})
            assert_nobody_is_lost(storage, order)

    def test_a_second_announcement_is_never_lost(self, storage: Storage) -> None:
        host = partial(announcing, said="second")
        acts: dict[str, Act] = {"phone": sign_up, "host": host, "worker": working}
        for order in self._orders(phone=PHONE, host=HOST, worker=WORKER):
            clear(storage)
            announcing(storage, "first")
            play(storage, order, acts)
            storage_tells_all(storage)
            (session,) = everything(storage)
            assert session.status is SessionStatus.ENDED, f"lost in the order {order}"

    def test_a_registration_that_repairs_what_the_host_forgot_is_never_lost(
        self, storage: Storage
    ) -> None:
        for order in self._orders(phone=REPAIR, worker=WORKER):
            clear(storage)
            play(storage, order, {"phone": repair, "worker": working})
            assert_nobody_is_lost(storage, order)

    def test_a_stream_that_is_scheduled_again_is_not_ended_by_such_a_repair(
        self, storage: Storage
    ) -> None:
        for order in self._orders(phone=REPAIR, host=HOST):
            clear(storage)
            play(storage, order, {"phone": repair, "host": reopening})
            event = storage.streams.read(STREAM)
            assert event is not None
            assert event.event is None, f"ended, though it was scheduled again, in {order}"

    @pytest.mark.parametrize(
        "acts",
        [
            {"phone": sign_up, "worker": look_then_rest},
            {"phone": sign_up_after_a_look, "worker": working},
        ],
        ids=["a worker that looks before it rests", "a phone that looks before it commits"],
    )
    def test_a_wrong_order_of_steps_is_noticed_here(
        self, storage: Storage, acts: dict[str, Act]
    ) -> None:
        def try_all() -> None:
            for order in self._orders(phone=PHONE, worker=WORKER):
                clear(storage)
                announcing(storage)
                play(storage, order, acts)
                assert_nobody_is_lost(storage, order)

        with pytest.raises(AssertionError, match="lost in the order"):
            try_all()

    def _orders(self, **steps: int) -> Any:
        return orders(steps, self.orders_tried)


def storage_tells_all(storage: Storage) -> None:
    """Workers go on until no event is due."""
    for _ in range(10):
        if not storage.streams.due(NOW, 1):
            return
        working(storage)
