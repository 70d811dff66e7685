"""Claims and settlements are made while pushes go out."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    DUE_NOW,
    Push,
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.memory import MemorySessions, MemoryStorage

from .world import LIFETIME, STREAM, World, delivered, threads


class Watched(MemorySessions):
    """Notes which thread claims and settles, and how many rows are in hand at once."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed_by: list[str] = []
        self.settled_by: list[str] = []
        self.in_hand = 0
        self.most_in_hand = 0
        self.counting = threading.Lock()
        self.fail_claim_at = -1
        self.before_the_first_settles: Callable[[], object] = lambda: None

    def claim(self, *args: object, **kwargs: object) -> list[Session]:
        self.claimed_by.append(threading.current_thread().name)
        if len(self.claimed_by) == self.fail_claim_at:
            raise StorageUnavailable("the database is gone")
        sessions = super().claim(*args, **kwargs)  # type: ignore[arg-type]
        with self.counting:
            self.in_hand += len(sessions)
            self.most_in_hand = max(self.most_in_hand, self.in_hand)
        return sessions

    def settle(self, settlements: Sequence[Settlement]) -> int:
        if not self.settled_by:
            self.before_the_first_settles()
        self.settled_by.append(threading.current_thread().name)
        with self.counting:
            self.in_hand -= len(settlements)
        return super().settle(settlements)


def test_a_large_audience_is_claimed_and_settled_beside_the_pushes() -> None:
    before = threads()
    sessions = Watched()
    world = World(MemoryStorage(sessions=sessions), batch_size=10)
    tokens = world.register_many(200)
    world.end()
    world.run()
    assert set(world.told) == set(tokens)
    assert len(world.told) == 200
    assert "live-activity-claims" in sessions.claimed_by
    assert "live-activity-settlements" in sessions.settled_by
    assert sessions.in_hand == 0
    # One batch goes out and one is claimed ahead; of results there are never more than two batches
    # on their way into the storage, and two that wait behind them.
    assert sessions.most_in_hand <= 6 * 10
    assert threads() <= before


def test_pushes_wait_where_what_became_of_them_cannot_be_settled_as_fast() -> None:
    sessions = Watched()
    world = World(MemoryStorage(sessions=sessions), batch_size=10)
    tokens = world.register_many(200)
    world.end()
    too_many = threading.Event()
    # Two batches are being settled at the most, and two wait.
    world.answer = lambda push: (len(world.told) > 40 and too_many.set(), delivered(push))[1]
    waited: list[bool] = []
    # It is to come to nothing: there is no event for that.
    sessions.before_the_first_settles = lambda: waited.append(not too_many.wait(0.3))
    world.run()
    assert waited == [True]
    assert set(world.told) == set(tokens)


def test_a_small_audience_needs_no_further_thread() -> None:
    sessions = Watched()
    world = World(MemoryStorage(sessions=sessions), batch_size=100)
    world.register_many(20)
    world.end()
    world.run()
    assert {*sessions.claimed_by, *sessions.settled_by} == {threading.current_thread().name}


def test_a_claim_ahead_that_fails_loses_nothing() -> None:
    sessions = Watched()
    sessions.fail_claim_at = 3
    world = World(MemoryStorage(sessions=sessions), batch_size=10)
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
        self.stop: Callable[[], object] = lambda: None

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            self.sent.append(push)
            if len(self.sent) == self.count:
                self.stop()
            yield delivered(push)

    def close(self) -> None:
        """Nothing to close."""


def test_what_was_claimed_ahead_is_given_back_where_the_process_ends() -> None:
    sessions, push = Watched(), StopsAfter(15)
    world = World(MemoryStorage(sessions=sessions), push, batch_size=10)
    world.register_many(100)
    world.end()
    push.stop = world.delivery.stop
    world.run()
    rows = world.sessions()
    assert sum(row.status is SessionStatus.ENDED for row in rows) == 15
    assert [row.claim_id for row in rows if row.status is SessionStatus.ACTIVE] == [None] * 85
    assert {row.due_at for row in rows if row.status is SessionStatus.ACTIVE} == {DUE_NOW}


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
        world.storage.streams.wake(STREAM, world.now() + LIFETIME, world.now())

    push.happens = tokens_change
    world.run()
    world.run_later(3600)
    assert world.statuses() == {SessionStatus.ENDED}
    assert set(changed) <= {each.token for each in push.sent} <= {*tokens, *changed}


class FirstAnsweredLast(PushBackend):
    """Has no answer for the first pushes until all others have theirs, and something happens."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.happens: Callable[[], object] = lambda: None

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source = iter(pushes)
        kept = list(itertools.islice(source, self.first))
        self.happens()
        yield from map(delivered, source)
        yield from map(delivered, kept)

    def close(self) -> None:
        """Nothing to close."""


def test_what_went_out_before_an_announcement_is_settled_as_what_it_was() -> None:
    push = FirstAnsweredLast(2)
    world = World(MemoryStorage(), push, batch_size=2)
    tokens = world.register_many(6)
    world.end(StreamState.READY)
    push.happens = lambda: world.end(StreamState.STARTED)
    world.run()
    told = {row.token: row.delivered for row in world.sessions()}
    assert [told[token] for token in tokens] == [1, 1, 2, 2, 2, 2]
