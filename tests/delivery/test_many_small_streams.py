"""What many small streams cost: so many calls of the storage by the page, and none for each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flask_allmine_liveactivity.delivery.fan_out import PAGE
from flask_allmine_liveactivity.model import Push, PushResult, StreamEvent
from flask_allmine_liveactivity.storage.memory import (
    MemorySessions,
    MemoryStorage,
    MemoryStreams,
)

from .world import STREAM, World, delivered

STREAMS = 1000
OF_ONE = {"read", "write", "hold", "claim", "next_due"}
BY_PAGE = {"claim_each", "stamp", "next_due_of_each", "rest"}
COUNTED = {*OF_ONE, *BY_PAGE, "due", "settle"}


class Calls(threading.local):
    """Counts what is called from outside: in memory a page is one after the other."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.within = False

    def count(self, name: str, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self.within:
            return call(*args, **named)
        self.counts[name] += 1
        self.within = True
        try:
            return call(*args, **named)
        finally:
            self.within = False


class Counted:
    calls: Calls

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return partial(self.calls.count, name, found) if name in COUNTED else found


class CountedSessions(Counted, MemorySessions):
    pass


class CountedStreams(Counted, MemoryStreams):
    """Lets somebody else act once what is due has been read."""

    then: Callable[[], object] | None = None

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        due = super().due(now, limit)
        then, self.then = self.then, None
        if then is not None:
            self.calls.within = False
            then()
        return due


def counted() -> tuple[MemoryStorage, CountedStreams, Calls]:
    streams, sessions = CountedStreams(), CountedSessions()
    streams.calls = sessions.calls = Calls()
    return MemoryStorage(streams=streams, sessions=sessions), streams, streams.calls


def three_phones_each(world: World, streams: int) -> None:
    for number in range(streams):
        stream = f"{number:024x}"
        world.register_many(3, stream)
        world.end(stream=stream)


def test_small_streams_cost_calls_by_the_page() -> None:
    storage, _, calls = counted()
    world = World(storage, batch_size=1000)
    three_phones_each(world, STREAMS)
    world.clock.now += 60
    calls.counts.clear()
    world.run()
    assert len(world.told) == 3 * STREAMS
    assert not OF_ONE & set(calls.counts)
    # What is settled, and when a run looks for more, goes by the clock.
    pages = STREAMS / PAGE
    assert max(calls.counts[name] for name in BY_PAGE) <= 2 * pages + calls.counts["due"]


def test_what_another_worker_has_put_to_rest_costs_a_page() -> None:
    storage, streams, calls = counted()
    world = World(storage)
    three_phones_each(world, 50)
    other = world.another_delivery()
    streams.then = lambda: (other.run(), calls.counts.clear())
    world.run()
    assert len(world.told) == 3 * 50
    assert set(calls.counts) <= {"due", "first_due", "claim_each", "next_due_of_each", "rest"}
    assert max(calls.counts.values()) <= 2


@pytest.mark.parametrize("phones", [1, 12])
def test_who_ends_last_does_not_wait_behind_all_others(phones: int) -> None:
    world = World(MemoryStorage())
    for number in range(STREAMS):
        stream = f"{number:024x}"
        world.register(1, stream)
        world.end(stream=stream)
    world.clock.now += 1

    def answer(push: Push) -> PushResult:
        if len(world.told) == 100:
            world.register_many(phones, STREAM)
            world.end()
        world.turn(0.002)
        return delivered(push)

    world.answer = answer
    world.run()
    last = max(number for number, token in enumerate(world.told) if token.startswith(STREAM))
    assert last < STREAMS
