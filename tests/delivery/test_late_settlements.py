"""A phone that is seen after its push went out is not overruled by what Apple said of that push."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from flask_allmine_liveactivity.delivery.fan_out import DRAINED_FOR
from flask_allmine_liveactivity.delivery.outcomes import TOLD_AGAIN_AFTER
from flask_allmine_liveactivity.model import Push, PushResult, SessionStatus, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.source import later_of
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import NOW, STREAM, World, delivered, wait_until

# What is to happen at once does; in seconds.
FOR_EVER = 60.0


def seen_in_flight(world: World, number: int) -> None:
    """At the next push the phone registers again, a second later; then all is as usual."""

    def answer(push: Push) -> PushResult:
        world.answer = delivered
        world.clock.now += 1
        world.register(number)
        return delivered(push)

    world.answer = answer


def test_a_phone_that_registers_again_before_that_is_told_again(world: World) -> None:
    token = world.register()
    world.end()
    seen_in_flight(world, 1)
    world.run()
    assert world.session(token).status is SessionStatus.ACTIVE
    world.run_later(TOLD_AGAIN_AFTER)
    assert world.told == [token, token]
    assert world.session(token).status is SessionStatus.ENDED


def test_it_is_not_told_again_at_once(world: World) -> None:
    world.register()
    world.end()
    seen_in_flight(world, 1)
    world.run()
    world.run_later(TOLD_AGAIN_AFTER - 2)
    assert len(world.told) == 1


def test_nobody_has_a_claim_on_it_meanwhile(world: World) -> None:
    token = world.register()
    world.end()
    seen_in_flight(world, 1)
    world.run()
    assert (world.session(token).claim_id, world.session(token).attempts) == (None, 0)


def test_a_stream_that_is_reopened_in_between_keeps_its_next_end(world: World) -> None:
    token = world.register()
    world.end()

    def answer(push: Push) -> PushResult:
        world.answer = delivered
        world.storage.streams.reopen(STREAM, world.now())
        world.clock.now += 1
        world.register()
        return delivered(push)

    world.answer = answer
    world.run()
    assert world.session(token).status is SessionStatus.ACTIVE
    world.clock.now += TOLD_AGAIN_AFTER
    world.end()
    world.run()
    assert world.told == [token, token]


@pytest.mark.parametrize("ahead", [60.0, 24 * 3600.0])
def test_a_phone_that_a_fast_clock_has_seen_is_told_once(world: World, ahead: float) -> None:
    world.clock.now += ahead
    token = world.register()
    world.clock.now -= ahead
    world.end()
    world.run()
    assert world.session(token).status is SessionStatus.ENDED
    world.run_later(TOLD_AGAIN_AFTER)
    assert len(world.told) == 1


class LastIsSilent(PushBackend):
    """Has every push accepted at once but the last one, until it is told to go on."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.go_on = threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for number, push in enumerate(pushes, 1):
            if number == self.count:
                self.go_on.wait()
            yield delivered(push)

    def close(self) -> None:
        """Nothing to close."""


def test_what_is_accepted_is_settled_whatever_else_hangs() -> None:
    push = LastIsSilent(50)
    world = World(MemoryStorage(), push)
    world.register_many(50)
    world.end()
    running = threading.Thread(target=world.run)
    running.start()
    try:
        wait_until(lambda: statuses(world).count(SessionStatus.ENDED) == 49)
        assert statuses(world).count(SessionStatus.ACTIVE) == 1
    finally:
        push.go_on.set()
        running.join()
    assert world.statuses() == {SessionStatus.ENDED}


def statuses(world: World) -> list[SessionStatus]:
    return [row.status for row in world.sessions()]


class Held(PushBackend):
    """Keeps one token's push in flight, and asks for more meanwhile."""

    def __init__(self) -> None:
        self.held = ""
        self.is_held, self.let_go = threading.Event(), threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source, kept = iter(pushes), None
        while not (kept and self.let_go.is_set()):
            push = next(source, None)
            if push is None:
                if kept is None:
                    return
                source = later_of(pushes)
                self.let_go.wait(0.01)
            elif push.token == self.held:
                kept = push
                self.is_held.set()
            else:
                yield delivered(push)
        yield delivered(kept)

    def close(self) -> None:
        """Nothing to close."""


def test_a_phone_that_comes_late_does_not_wait_for_one_that_hangs() -> None:
    push = Held()
    world = World(MemoryStorage(), push)
    push.held = world.register(1)
    world.end()
    running = threading.Thread(target=world.run)
    running.start()
    try:
        assert push.is_held.wait(FOR_EVER)
        late = world.register(2)
        world.turn(DRAINED_FOR)
        wait_until(lambda: world.session(late).status is SessionStatus.ENDED)
    finally:
        push.let_go.set()
        running.join()


def test_nor_does_one_whose_wait_ends_meanwhile() -> None:
    push = Held()
    world = World(MemoryStorage(), push)
    later = world.register(2)
    event = world.end()
    # Another worker has it, and is gone.
    world.storage.sessions.claim(
        STREAM, event.revision, claim_id="other", limit=1, now=NOW, leased_until=NOW + 1
    )
    push.held = world.register(1)
    running = threading.Thread(target=world.run)
    running.start()
    try:
        assert push.is_held.wait(FOR_EVER)
        world.turn(DRAINED_FOR)
        wait_until(lambda: world.session(later).status is SessionStatus.ENDED)
    finally:
        push.let_go.set()
        running.join()


def test_a_refusal_that_was_overruled_says_nothing(world: World) -> None:
    token = world.register()
    world.end()

    def answer(push: Push) -> PushResult:
        world.answer = delivered
        world.clock.now += 1
        world.register()
        return PushResult(push, Verdict.GONE, status=410, reason="Unregistered")

    world.answer = answer
    world.run()
    session = world.session(token)
    assert (session.status, session.claim_id) == (SessionStatus.ACTIVE, None)
    world.run_later(TOLD_AGAIN_AFTER)
    assert world.session(token).status is SessionStatus.ENDED
