"""A run meets changes: of the stream, of its phones, of who else is at work."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest

from flask_allmine_liveactivity.delivery.runner import RECALL_EVERY
from flask_allmine_liveactivity.model import (
    DUE_NOW,
    NEVER,
    Push,
    PushResult,
    SessionStatus,
    Settlement,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.push.source import LOOK_AGAIN
from flask_allmine_liveactivity.storage.base import Storage

from .world import HOUR, NOW, OTHER_STREAM, STREAM, SWEEP, World, a_token, delivered

MINUTE = 60.0


def timestamps(world: World) -> list[int]:
    return [json.loads(push.payload)["aps"]["timestamp"] for push in world.memory.sent]


class Trailing(PushBackend):
    """Has always some pushes in flight, as one that talks to Apple."""

    def __init__(self, memory: MemoryPush) -> None:
        self.memory = memory

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        in_flight: deque[Push] = deque()
        for push in pushes:
            in_flight.append(push)
            if len(in_flight) > 3:
                yield from self.memory.send([in_flight.popleft()])
        yield from self.memory.send(in_flight)

    def close(self) -> None:
        """Nothing to close."""


def at_push(world: World, number: int, then: object) -> None:
    """Call `then` while the push of this number is in flight."""

    def answer(push: Push) -> PushResult:
        if len(world.told) == number:
            then()  # type: ignore[operator]
        return delivered(push)

    world.answer = answer


# --- the stream changes ----------------------------------------------------------------------


def test_what_is_said_in_mid_run_goes_out_with_the_next_batch(storage: Storage) -> None:
    world = World(storage, batch_size=5)
    world.register_many(12)
    world.end(StreamState.READY)
    at_push(world, 3, lambda: world.end(StreamState.CANCELLED))
    world.run()
    assert timestamps(world) == [int(NOW)] * 5 + [int(NOW) + 1] * 7
    assert world.statuses() == {SessionStatus.ENDED}


def test_each_session_keeps_the_revision_it_was_told(storage: Storage) -> None:
    world = World(storage, batch_size=5)
    world.register_many(12)
    world.end(StreamState.READY)
    at_push(world, 3, lambda: world.end(StreamState.CANCELLED))
    world.run()
    assert Counter(row.delivered for row in world.sessions()) == {1: 5, 2: 7}


@pytest.mark.parametrize("number", [3, 5, 6])
def test_after_that_the_event_comes_to_rest(storage: Storage, number: int) -> None:
    phones = World(storage)
    world = World(storage, Trailing(phones.memory), batch_size=5)
    world.register_many(12)
    world.end(StreamState.READY)
    at_push(phones, number, lambda: world.end(StreamState.CANCELLED))
    world.run()
    assert len(phones.told) == 12
    assert world.event().due_at > world.clock.now


def test_a_stream_reopened_in_mid_run_is_left_alone(storage: Storage) -> None:
    world = World(storage, batch_size=5)
    world.register_many(12)
    world.end()
    at_push(world, 3, lambda: storage.streams.reopen(STREAM, world.clock.now))
    world.run()
    assert len(world.told) == 5


def test_a_stream_that_ended_again_after_a_reopen_tells_those_who_wait(storage: Storage) -> None:
    world = World(storage, batch_size=5)
    tokens = world.register_many(12)
    world.end()
    at_push(world, 3, lambda: storage.streams.reopen(STREAM, world.clock.now))
    world.run()
    world.end()
    world.run()
    assert sorted(world.told) == sorted(tokens)


def test_timestamps_rise_with_each_revision(memory_world: World) -> None:
    events = [memory_world.end(state) for state in StreamState]
    assert [event.timestamp - int(NOW) for event in events] == [0, 1, 2, 3]


# --- its phones change -----------------------------------------------------------------------


def rotate(world: World, token: str) -> None:
    world.register(1, token=token)


def test_a_token_rotated_in_flight_is_told_as_the_new_one(world: World) -> None:
    old, new = world.register(), a_token(99)
    world.end()
    at_push(world, 1, lambda: rotate(world, new))
    world.run()
    world.run()
    assert world.told == [old, new]
    assert world.session(new).status is SessionStatus.ENDED


@pytest.mark.parametrize("verdict", [Verdict.GONE, Verdict.REJECTED, Verdict.RETRY])
def test_a_refusal_of_the_old_token_says_nothing_of_the_new_one(
    world: World, verdict: Verdict
) -> None:
    world.register()
    new = a_token(99)
    world.end()

    def answer(push: Push) -> PushResult:
        if push.token == new:
            return delivered(push)
        rotate(world, new)
        return PushResult(push, verdict, reason="Some")

    world.answer = answer
    world.run()
    world.run()
    assert (world.session(new).status, world.session(new).attempts) == (SessionStatus.ENDED, 0)


def test_who_registers_in_mid_run_is_told_by_one_that_follows_at_once(world: World) -> None:
    world.register(1)
    world.end()
    at_push(world, 1, lambda: world.register(2))
    assert world.run().next_due <= world.now()
    world.run()
    assert world.told == [a_token(1), a_token(2)]


def test_a_phone_that_registers_after_its_end_is_told_again(world: World) -> None:
    token = world.register()
    world.end()
    world.run()
    world.clock.now += 60
    world.register()
    world.run()
    assert world.told == [token, token]


def test_but_not_within_half_a_minute(world: World) -> None:
    world.register()
    world.end()
    world.run()
    world.clock.now += 10
    world.register()
    world.run()
    assert len(world.told) == 1
    world.run_later(20)
    assert len(world.told) == 2


# --- others are at work ----------------------------------------------------------------------


def test_two_at_once_share_a_stream_without_pushing_twice(storage: Storage) -> None:
    world = World(storage, batch_size=20)
    tokens = world.register_many(200)
    world.end()
    by_thread: Counter[int] = Counter()
    both_push = threading.Barrier(2)

    def answer(push: Push) -> PushResult:
        by_thread[threading.get_ident()] += 1
        if by_thread[threading.get_ident()] == 1:
            both_push.wait(30)
        return delivered(push)

    world.answer = answer
    threads = [threading.Thread(target=world.another_delivery().run, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(world.told) == sorted(tokens)
    assert len(by_thread) == 2


def test_each_result_is_settled_once(memory_world: World) -> None:
    world = World(memory_world.storage, batch_size=4)
    world.register_many(20)
    world.end()
    settle, settled = world.storage.sessions.settle, Counter[str]()

    def count(settlements: Sequence[Settlement]) -> int:
        settled.update(settlement.session.token for settlement in settlements)
        return settle(settlements)

    world.storage.sessions.settle = count  # type: ignore[method-assign]
    world.run()
    assert set(settled.values()) == {1}


def test_a_slow_batch_is_given_back_half_way_through_its_lease(memory_world: World) -> None:
    world = World(memory_world.storage, lease=1.0)
    world.register_many(20)
    world.end()

    def slowly(push: Push) -> PushResult:
        world.turn(0.2)
        return delivered(push)

    world.answer = slowly
    world.run()
    assert len(world.told) == 3
    assert {row.claim_id for row in world.sessions()} == {None}


def test_what_a_dead_worker_had_claimed_is_told_after_the_lease(world: World) -> None:
    tokens = world.register_many(10)
    event = world.end()
    world.storage.sessions.claim(
        STREAM,
        event.revision,
        claim_id="dead",
        limit=4,
        now=world.clock.now,
        leased_until=world.clock.now + 60,
    )
    world.run()
    assert len(world.told) == 6
    world.run_later(60)
    assert sorted(world.told) == sorted(tokens)


def test_its_event_is_due_when_the_lease_ends(world: World) -> None:
    world.register_many(2)
    event = world.end()
    world.storage.sessions.claim(
        STREAM, event.revision, claim_id="dead", limit=1, now=NOW, leased_until=NOW + 60
    )
    assert world.run().next_due == NOW + 60


# --- many streams ----------------------------------------------------------------------------


def test_a_small_stream_does_not_wait_for_a_large_one(storage: Storage) -> None:
    world = World(storage, batch_size=20)
    world.register_many(200)
    small = world.register_many(3, OTHER_STREAM)
    world.end()
    world.clock.now += 1
    world.end(stream=OTHER_STREAM)
    world.run()
    assert set(small) <= set(world.told[:43])
    assert len(world.told) == 203


def test_a_stream_that_ends_in_mid_run_joins_in(memory_world: World) -> None:
    world = World(memory_world.storage, batch_size=10)
    world.register_many(60)
    late = world.register(1, OTHER_STREAM)
    world.end()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 5:
            world.end(stream=OTHER_STREAM)
            world.turn(LOOK_AGAIN)
        return delivered(push)

    world.answer = answer
    world.run()
    assert world.told.index(late) < 20, "not behind the batch after the one that was going out"


def test_a_run_for_one_stream_tells_no_other(world: World) -> None:
    token = world.register(1)
    world.register(1, OTHER_STREAM)
    world.end()
    world.end(stream=OTHER_STREAM)
    world.delivery.run(STREAM)
    assert world.told == [token]


def test_more_streams_than_are_taken_up_at_once_are_all_told(memory_world: World) -> None:
    streams = [f"65f0000000000000000{number:05d}" for number in range(150)]
    for stream in streams:
        memory_world.register(1, stream)
        memory_world.end(stream=stream)
    memory_world.run()
    memory_world.run()
    assert len(set(memory_world.told)) == len(memory_world.told) == 150


# --- at rest ---------------------------------------------------------------------------------


def test_an_event_at_rest_is_looked_at_at_growing_intervals(world: World) -> None:
    world.register()
    world.end()
    waits = []
    while world.clock.now < NOW + 12 * HOUR:
        world.run()
        waits.append(world.event().due_at - world.clock.now)
        world.clock.now = world.event().due_at
    assert waits[0] == SWEEP
    assert waits == sorted(waits)
    assert waits[-1] == HOUR
    assert len(waits) < 30


def test_after_its_end_it_is_looked_at_no_more(world: World) -> None:
    world.end()
    world.clock.now = world.event().expires_at
    world.run()
    assert world.event().due_at == NEVER


def test_its_last_look_is_at_its_end(world: World) -> None:
    world.end()
    world.clock.now = world.event().expires_at - 10
    world.run()
    assert world.event().due_at == world.event().expires_at


def test_an_event_with_something_pending_is_due_with_it(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=500.0)
    run = world.run()
    assert run.next_due == world.event().due_at == world.session(token).due_at


def test_an_event_that_only_a_crash_left_behind_is_found(world: World) -> None:
    """The session was committed and the process died before it looked at the event."""
    world.end()
    world.run()
    wake = world.storage.streams.wake
    world.storage.streams.wake = lambda *_, **__: None  # type: ignore[method-assign]
    token = world.register()
    world.storage.streams.wake = wake  # type: ignore[method-assign]
    world.run_later(SWEEP)
    assert world.told == [token]


def test_who_an_earlier_version_has_put_to_rest_unseen_is_found_within_a_minute(
    world: World,
) -> None:
    """It looks who is pending, a phone registers, and it rests the event as it has read it."""
    world.end()
    token = world.register()
    resting = replace(world.event(), due_at=world.now() + HOUR)
    world.storage.streams.write(STREAM, lambda _: resting)
    world.run()
    assert world.told == []
    world.delivery.look_after_the_storage()
    world.run()
    assert world.told == [token]
    # It is asked no more than once a minute.
    world.storage.streams.write(STREAM, lambda row: row and replace(row, due_at=resting.due_at))
    awake = replace(world.event(), touch=world.event().touch | 1)
    world.storage.streams.write(STREAM, lambda _: awake)
    world.delivery.look_after_the_storage()
    assert world.event() == awake
    world.turn(RECALL_EVERY)
    world.delivery.look_after_the_storage()
    assert world.event().due_at == DUE_NOW
