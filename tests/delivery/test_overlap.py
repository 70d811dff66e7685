"""Claims and settlements are made while pushes go out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    Verdict,
)
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import LIFETIME, STREAM, World, delivered


class Watched(MemoryStorage):
    """Notes which thread claims and settles, and how many rows are in hand at once."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed_by: list[str] = []
        self.settled_by: list[str] = []
        self.in_hand = 0
        self.most_in_hand = 0
        self.fail_claim_at = -1

    def claim(self, *args: object, **kwargs: object) -> list[Session]:
        self.claimed_by.append(threading.current_thread().name)
        if len(self.claimed_by) == self.fail_claim_at:
            raise StorageUnavailable("the database is gone")
        sessions = super().claim(*args, **kwargs)  # type: ignore[arg-type]
        self.in_hand += len(sessions)
        self.most_in_hand = max(self.most_in_hand, self.in_hand)
        return sessions

    def settle(self, settlements: Sequence[Settlement]) -> int:
        self.settled_by.append(threading.current_thread().name)
        self.in_hand -= len(settlements)
        return super().settle(settlements)


def test_a_large_audience_is_claimed_and_settled_beside_the_pushes() -> None:
    storage = Watched()
    world = World(storage, batch_size=10)
    tokens = world.register_many(200)
    world.end()
    world.run()
    assert set(world.told) == set(tokens)
    assert len(world.told) == 200
    assert "live-activity-claims" in storage.claimed_by
    assert "live-activity-settlements" in storage.settled_by
    assert storage.in_hand == 0
    # One batch goes out, one is claimed ahead, one is settled, one waits to be.
    assert storage.most_in_hand <= 4 * 10
    assert not [each for each in threading.enumerate() if each.name.startswith("live-activity-")]


def test_a_small_audience_needs_no_further_thread() -> None:
    storage = Watched()
    world = World(storage, batch_size=100)
    world.register_many(20)
    world.end()
    world.run()
    assert {*storage.claimed_by, *storage.settled_by} == {threading.current_thread().name}


def test_a_claim_ahead_that_fails_loses_nothing() -> None:
    storage = Watched()
    storage.fail_claim_at = 3
    world = World(storage, batch_size=10)
    tokens = world.register_many(50)
    world.end()
    with pytest.raises(StorageUnavailable):
        world.run()
    world.run()
    assert sorted(world.told) == sorted(tokens), "each once"
    assert world.statuses() == {SessionStatus.ENDED}


class StopsAfter(PushBackend):
    """Stops the delivery when so many have been sent."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sent: list[Push] = []
        self.stop: threading.Event | None = None

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            self.sent.append(push)
            if len(self.sent) == self.count and self.stop is not None:
                self.stop.set()
            yield delivered(push)

    def close(self) -> None:
        """Nothing to close."""


def test_what_was_claimed_ahead_is_given_back_where_the_process_ends() -> None:
    storage, push = Watched(), StopsAfter(15)
    world = World(storage, push, batch_size=10)
    world.register_many(100)
    world.end()
    push.stop = world.delivery._stopping
    world.run()
    rows = world.sessions()
    assert sum(row.status is SessionStatus.ENDED for row in rows) == 15
    assert [row.claim_id for row in rows if row.status is SessionStatus.ACTIVE] == [None] * 85
    assert {row.due_at for row in rows if row.status is SessionStatus.ACTIVE} <= {world.now()}


class Crossed(PushBackend):
    """Keeps pushes in flight, which are answered in any order, and something happens meanwhile.

    Args:
        chance: Draws the order, and the moment from which nothing is reached any more.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.in_flight = chance.randint(5, 40)
        self.reached = chance.randint(1, 60)
        self.sent: list[Push] = []
        self.happens: Callable[[], object] = lambda: None

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source = iter(pushes)
        flying: list[Push] = []
        while True:
            while len(flying) < self.in_flight and (push := next(source, None)) is not None:
                flying.append(push)
                self.sent.append(push)
                if len(self.sent) == self.in_flight:
                    self.happens()
            if not flying:
                return
            push = flying.pop(self.chance.randrange(len(flying)))
            self.reached -= 1
            yield PushResult(push, Verdict.UNREACHABLE) if self.reached == 0 else delivered(push)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("seed", range(50))
def test_a_clock_that_is_set_ahead_ends_our_own_leases_in_mid_run(seed: int) -> None:
    push = Crossed(random.Random(seed))
    world = World(MemoryStorage(), push, batch_size=10)
    tokens = world.register_many(60)
    world.end()

    def an_hour_passes() -> None:
        world.clock.now += 3600

    push.happens = an_hour_passes
    world.run()
    world.run_later(3600)
    assert world.statuses() == {SessionStatus.ENDED}
    assert {each.token for each in push.sent} == set(tokens)


@pytest.mark.parametrize("seed", range(50))
def test_a_token_that_changes_while_its_push_is_under_way_is_told(seed: int) -> None:
    push = Crossed(random.Random(seed))
    world = World(MemoryStorage(), push, batch_size=10)
    tokens = world.register_many(60)
    world.end()
    changed = [f"{number:0160x}" for number in range(1, 6)]

    def tokens_change() -> None:
        for number, token in enumerate(changed, 1):
            world.register(number, token=token)
        world.storage.touch(STREAM, world.now() + LIFETIME, world.now())

    push.happens = tokens_change
    world.run()
    world.run_later(3600)
    assert world.statuses() == {SessionStatus.ENDED}
    assert set(changed) <= {each.token for each in push.sent} <= {*tokens, *changed}
