"""A run that is told to end while answers are awaited, perhaps for longer than its process has."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from flask_allmine_liveactivity.delivery import settlement_writer
from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.delivery.claims import Claims
from flask_allmine_liveactivity.model import Push, PushResult, Session, SessionStatus
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.source import PushSource
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemorySessions, MemoryStorage

from .world import NOW, World, apns_push, delivered, wait_until

# How many Apple takes at a time, and when it answers, in seconds: later than anybody waits here.
AT_APPLE = 10
NEVER = 60.0


@contextmanager
def running(world: World, let_go: Callable[[], object]) -> Iterator[None]:
    """A run of it; at the end it is told to end, and gets what it waits for."""
    thread = threading.Thread(target=world.run)
    thread.start()
    try:
        yield
    finally:
        world.delivery.stop()
        let_go()
        thread.join()


def claimed(world: World) -> set[str]:
    """The tokens of those that somebody has claimed."""
    return {row.token for row in world.sessions() if row.claim_id is not None}


def told(world: World) -> int:
    """How many are known to have been told."""
    return sum(row.status is SessionStatus.ENDED for row in world.sessions())


# --- what Apple has no room for --------------------------------------------------------------


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns(max_concurrent_streams=AT_APPLE) as apns:
        yield apns


@pytest.fixture
def crowd(apns: LocalApns, sqlite: Storage) -> Iterator[World]:
    """Far more are in flight at a time than Apple takes, soon after they are told."""
    push = apns_push(apns)
    world = World(sqlite, push, clock=time.time)
    world.register_many(400)
    world.end()
    apns.delay(0.05)
    yield world
    push.close()


def test_what_waits_for_a_place_at_apple_is_given_back(apns: LocalApns, crowd: World) -> None:
    with running(crowd, let_go=apns.stop):
        apns.wait_for(100, 30)
        apns.delay(NEVER)
        apns.wait_for(len(apns.accepted) + 1, 30)  # one at least is not answered
        crowd.delivery.stop()
        wait_until(lambda: len(claimed(crowd)) <= AT_APPLE)
        # What Apple may have taken stays ours as long as its answer may come.
        assert claimed(crowd)
        assert claimed(crowd) <= {received.token for received in apns.accepted}


def test_so_it_is_where_the_time_of_a_run_is_up(apns: LocalApns, crowd: World) -> None:
    ahead = 0.0
    crowd.monotonic = lambda: time.monotonic() + ahead
    results = itertools.count(1)

    def let_time_be_up() -> None:
        nonlocal ahead
        if next(results) == 100:
            apns.delay(1.0)
            ahead = 21.0

    run = crowd.delivery.run(None, let_time_be_up, until=crowd.monotonic() + 20)
    assert run.cut_short
    # All that have waited for a place would be as many again.
    assert run.tally.delivered == told(crowd) == len(apns.accepted) < 150
    assert claimed(crowd) == set()


class Crowded(PushBackend):
    """Draws ten and can send one, which is not answered until it is let go."""

    def __init__(self) -> None:
        self.is_crowded, self.let_go = threading.Event(), threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        assert isinstance(pushes, PushSource)
        sent, *unsent = itertools.islice(pushes, 10)
        self.is_crowded.set()
        while not self.let_go.wait(0.01):
            pushes.take_back(lambda: [unsent.pop() for _ in unsent[:]])
        yield delivered(sent)

    def close(self) -> None:
        """Nothing to close."""


def test_it_is_given_back_where_nothing_at_all_has_been_answered_yet(storage: Storage) -> None:
    push = Crowded()
    world = World(storage, push)
    world.register_many(20)
    world.end()
    with running(world, push.let_go.set):
        assert push.is_crowded.wait(20)
        world.delivery.stop()
        wait_until(lambda: len(claimed(world)) == 1)
    assert told(world) == 1
    assert claimed(world) == set()


# --- what is claimed meanwhile ---------------------------------------------------------------


class SlowApple(PushBackend):
    """Answers three, and draws two more: one is answered when it is asked for, one at the end."""

    def __init__(self) -> None:
        self.is_slow, self.answers, self.let_go = (threading.Event() for _ in range(3))

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source = iter(pushes)
        for push in itertools.islice(source, 3):
            yield delivered(push)
        one, another = next(source), next(source)
        self.is_slow.set()
        self.answers.wait()
        yield delivered(one)
        self.let_go.wait()
        yield delivered(another)

    def let_all_go(self) -> None:
        """It is slow no more."""
        self.answers.set()
        self.let_go.set()

    def close(self) -> None:
        """Nothing to close."""


class SlowAhead(MemorySessions):
    """Takes its time for what is claimed ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.goes_on = threading.Event(), threading.Event()
        self.found: list[Session] = []

    def claim(self, *args: object, **kwargs: object) -> list[Session]:
        is_ahead = threading.current_thread().name == "live-activity-claims"
        if is_ahead:
            self.is_asked.set()
            self.goes_on.wait()
        found = super().claim(*args, **kwargs)  # type: ignore[arg-type]
        self.found += found if is_ahead else []
        return found


def test_what_is_being_claimed_at_that_moment_is_given_back_too() -> None:
    sessions = SlowAhead()
    push = SlowApple()
    world = World(MemoryStorage(sessions=sessions), push, batch_size=10)
    world.register_many(40)
    world.end()
    with running(world, push.let_all_go):
        assert push.is_slow.wait(20)
        assert sessions.is_asked.wait(20)
        world.delivery.stop()
        wait_until(lambda: len(claimed(world)) == 2)  # the two that await their answers
        sessions.goes_on.set()
        wait_until(lambda: len(sessions.found) == 10)
        wait_until(lambda: len(claimed(world)) == 2)


def test_nothing_is_claimed_ahead_by_who_leaves(world: World) -> None:
    world.register_many(5)
    event = world.end()
    claims = Claims(world.storage.sessions, 60.0, clock=lambda: NOW, monotonic=lambda: 0.0)
    assert claims.leave() == []
    claims.ahead(Stream(event), limit=5)
    assert not claims.is_ahead
    assert claims.close() is None
    assert claimed(world) == set()


# --- what was answered -----------------------------------------------------------------------


def test_an_answer_in_the_last_moment_is_settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may have gone before others come, with which it would be settled."""
    monkeypatch.setattr(settlement_writer, "SETTLE_AFTER", NEVER)
    push = SlowApple()
    world = World(MemoryStorage(), push)
    world.register_many(20)
    world.end()
    with running(world, push.let_all_go):
        assert push.is_slow.wait(20)
        assert told(world) == 0
        world.delivery.stop()
        wait_until(lambda: told(world) == 3)
        push.answers.set()
        wait_until(lambda: told(world) == 4)
    assert told(world) == 5
