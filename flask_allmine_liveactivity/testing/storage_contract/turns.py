"""Actors on one storage, each a plain function, that take their steps in a given order.

A step is one call of the storage: an actor waits for its turn before each.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from math import factorial, prod
from typing import Any

from flask_allmine_liveactivity.model import Decide, StreamEvent
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.streams import Streams
from flask_allmine_liveactivity.testing.storage_contract.records import each_order

Act = Callable[[Any], object]
# How long an actor may take for one step, in seconds, before the test gives up.
PATIENCE = 60.0


def orders(steps: dict[str, int], most: int) -> Iterator[tuple[str, ...]]:
    """The orders in which actors can take their steps: all, or as many of them by chance."""
    all_of_them = factorial(sum(steps.values())) // prod(map(factorial, steps.values()))
    if all_of_them <= most:
        yield from each_order(steps)
        return
    chance = random.Random(0)
    order = [actor for actor, count in steps.items() for _ in range(count)]
    for _ in range(most):
        chance.shuffle(order)
        yield tuple(order)


def play(storage: Storage, order: Sequence[str], acts: dict[str, Act]) -> None:
    """Let actors take their steps in an order; what it leaves out they do afterwards."""
    actors = {name: _Actor(storage, act) for name, act in acts.items()}
    for name in order:
        actors[name].take_a_step()
    for actor in actors.values():
        while not actor.is_done:
            actor.take_a_step()
    for actor in actors.values():
        actor.raise_its_error()


class _Actor:
    def __init__(self, storage: Storage, act: Act) -> None:
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        self._error: BaseException | None = None
        self.is_done = False
        self._thread = threading.Thread(
            target=self._run, args=(act, _TurnByTurn(storage, self._wait)), daemon=True
        )
        self._thread.start()
        assert self._arrived.acquire(timeout=PATIENCE)

    def _run(self, act: Act, storage: Any) -> None:
        try:
            act(storage)
        except BaseException as error:
            self._error = error
        self.is_done = True
        self._arrived.release()

    def _wait(self) -> None:
        self._arrived.release()
        self._turn.acquire()

    def take_a_step(self) -> None:
        if not self.is_done:
            self._turn.release()
            assert self._arrived.acquire(timeout=PATIENCE)

    def raise_its_error(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error


class _TurnByTurn:
    """A storage whose caller waits for its turn before each call."""

    def __init__(self, storage: Storage, wait: Callable[[], None]) -> None:
        self.sessions = _SessionsTurnByTurn(storage.sessions, wait)
        self.streams = _StreamsTurnByTurn(storage.streams, wait)


class _SessionsTurnByTurn:
    def __init__(self, sessions: Any, wait: Callable[[], None]) -> None:
        self._sessions = sessions
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            self._wait()
            return getattr(self._sessions, name)(*arguments, **named)

        return step


class _StreamsTurnByTurn(Streams):
    """What is made of several calls is several steps: to wake is to read, then to write."""

    def __init__(self, streams: Streams, wait: Callable[[], None]) -> None:
        self._streams = streams
        self._wait = wait

    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        self._wait()
        return self._streams.write(stream_id, decide)

    def read(self, stream_id: str) -> StreamEvent | None:
        self._wait()
        return self._streams.read(stream_id)

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        self._wait()
        return self._streams.due(now, limit)

    def first_due(self) -> float | None:
        self._wait()
        return self._streams.first_due()

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        self._wait()
        return self._streams.take_questions(now, limit, again_at)

    def begin(self, events: Sequence[StreamEvent], at: float) -> None:
        self._wait()
        self._streams.begin(events, at)

    def held(self, limit: int) -> list[StreamEvent]:
        self._wait()
        return self._streams.held(limit)

    def stamp(self, events: Sequence[StreamEvent], at: int) -> dict[str, int]:
        self._wait()
        return self._streams.stamp(events, at)

    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        self._wait()
        return self._streams.rest(rests)

    def recall(self, now: float) -> int:
        self._wait()
        return self._streams.recall(now)

    def lift(self, stream_id: str | None) -> int:
        self._wait()
        return self._streams.lift(stream_id)

    def purge(self, before: float) -> int:
        self._wait()
        return self._streams.purge(before)
