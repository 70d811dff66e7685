"""The two steps of a registration against an announcement and a worker, in every order.

The phone commits its session and then touches the event; the host announces; a worker reads the
event, claims, settles, asks what is due next and rests the event. Whatever the order, afterwards
the session has been told, or somebody will look at its event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import islice
from typing import Any

from flask_allmine_liveactivity.model import NEVER, SessionStatus, Settlement
from flask_allmine_liveactivity.registration import Claimant, MissingEnd, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    STREAM,
    an_announcement,
    delivered,
    each_order,
    everything,
    later,
    take,
    the_event,
)

Steps = Generator[None, None, None]
Verdict = Callable[..., Settlement]

OLD, NEW = "aa" * 32, "bb" * 32


class Waiting:
    """A storage whose caller waits for its turn before each step of his."""

    def __init__(self, storage: Storage, wait: Callable[[], None]) -> None:
        self._storage = storage
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            self._wait()
            return getattr(self._storage, name)(*arguments, **named)

        return step


def play(
    storage: Storage,
    order: tuple[str, ...],
    phone: Callable[[Any], object],
    others: dict[str, Steps],
) -> None:
    """Let `phone`, a plain function, take its steps in an order with the generators' steps."""
    turns = iter(order)

    def others_first() -> None:
        for actor in turns:
            if actor == "phone":
                return
            next(others[actor], None)

    phone(Waiting(storage, others_first))
    others_first()


def claimant(token: str = NEW) -> Claimant:
    return Claimant(
        user_id="ada", device_id="phone", activity_id="ride", stream_id=STREAM, token=token
    )


def sign_up(storage: Any, token: str = NEW) -> None:
    register(storage, claimant(token), now=NOW, lifetime=12 * HOUR, max_per_user=None)


def announcing(storage: Storage, said: str = "started") -> Steps:
    storage.announce(an_announcement(said=said), NOW)
    yield


def repair(storage: Any) -> None:
    """A registration for a stream whose end the host knows, and has not announced."""
    register(
        storage,
        claimant(),
        now=NOW,
        lifetime=12 * HOUR,
        max_per_user=None,
        missing_end=MissingEnd(an_announcement(), 0),
    )


def reopening(storage: Storage) -> Steps:
    storage.reopen(STREAM, NOW)
    yield


WORKERS_STEPS = 5


def working(storage: Storage, verdict: Verdict = delivered) -> Steps:
    """One look at the event, as a run does it; at rest it is never looked at again."""
    event = storage.event(STREAM)
    yield
    if event is None or event.event is None:
        return
    claimed = take(storage, revision=event.revision)
    yield
    if verdict is delivered:
        storage.settle([delivered(session, event.revision) for session in claimed])
    else:
        storage.settle([verdict(session) for session in claimed])
    yield
    due_at = storage.next_due(STREAM, event.revision)
    yield
    storage.rest(event, NEVER if due_at is None else due_at)
    yield


def assert_nobody_is_lost(storage: Storage, order: tuple[str, ...]) -> None:
    (session,) = everything(storage)
    event = the_event(storage)
    told = session.status is SessionStatus.ENDED and session.delivered == event.revision
    assert told or event.due_at <= max(NOW, session.due_at), f"lost in the order {order}"


class Interleaving:
    def test_a_first_registration_is_never_lost(self, storage: Storage) -> None:
        for order in each_order({"phone": 2, "host": 1, "worker": WORKERS_STEPS}):
            clear(storage)
            others = {"host": announcing(storage), "worker": working(storage)}
            play(storage, order, sign_up, others)
            assert_nobody_is_lost(storage, order)

    def test_a_rotated_token_is_never_lost(self, storage: Storage) -> None:
        for order in each_order({"phone": 2, "worker": WORKERS_STEPS}):
            clear(storage)
            sign_up(storage, OLD)
            storage.announce(an_announcement(), NOW)
            play(storage, order, sign_up, {"worker": working(storage)})
            assert_nobody_is_lost(storage, order)
            (session,) = everything(storage)
            assert session.token == NEW

    def test_a_session_that_waits_for_its_next_try_is_never_lost(self, storage: Storage) -> None:
        for order in each_order({"phone": 2, "worker": WORKERS_STEPS}):
            clear(storage)
            storage.announce(an_announcement(), NOW)
            play(storage, order, sign_up, {"worker": working(storage, later)})
            assert_nobody_is_lost(storage, order)

    def test_a_session_is_never_lost_between_two_workers(self, storage: Storage) -> None:
        orders = each_order({"phone": 2, "one": WORKERS_STEPS, "two": WORKERS_STEPS})
        for order in islice(orders, 0, None, 97):  # of 16,632
            clear(storage)
            storage.announce(an_announcement(), NOW)
            others = {"one": working(storage), "two": working(storage)}
            play(storage, order, sign_up, others)
            assert_nobody_is_lost(storage, order)

    def test_a_second_announcement_is_never_lost(self, storage: Storage) -> None:
        for order in each_order({"phone": 2, "host": 1, "worker": WORKERS_STEPS}):
            clear(storage)
            storage.announce(an_announcement(said="first"), NOW)
            others = {"host": announcing(storage, "second"), "worker": working(storage)}
            play(storage, order, sign_up, others)
            storage_tells_all(storage)
            (session,) = everything(storage)
            assert session.status is SessionStatus.ENDED, f"lost in the order {order}"

    def test_a_registration_that_repairs_what_the_host_forgot_is_never_lost(
        self, storage: Storage
    ) -> None:
        for order in each_order({"phone": 3, "worker": WORKERS_STEPS}):
            clear(storage)
            play(storage, order, repair, {"worker": working(storage)})
            assert_nobody_is_lost(storage, order)

    def test_a_stream_that_is_scheduled_again_is_not_ended_by_such_a_repair(
        self, storage: Storage
    ) -> None:
        for order in each_order({"phone": 3, "host": 1}):
            clear(storage)
            play(storage, order, repair, {"host": reopening(storage)})
            event = storage.event(STREAM)
            assert event is not None
            assert event.event is None, f"ended, though it was scheduled again, in {order}"


def clear(storage: Storage) -> None:
    storage.purge(NEVER)


def storage_tells_all(storage: Storage) -> None:
    """Workers go on until no event is due."""
    for _ in range(10):
        if not storage.due_events(NOW, 1):
            return
        for _ in working(storage):
            pass
