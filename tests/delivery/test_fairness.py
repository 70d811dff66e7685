"""A stream of ten phones does not wait for a stream of thousands.

Judged by order, not by time: how many pushes of the large streams go out between the announcement
of a small one and its last push. Apple takes its time for each push, so that a number of pushes is
a time: what is found at the next look, after the batch that goes out and the one claimed ahead.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.received import Received
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import STREAM, World, a_token, apns_push, delivered, wait_until

LARGE = 4000
SMALL = 10
SECONDS_A_PUSH = 0.002
# Half a second until the next look, then a batch that goes out and one that is claimed.
SOON = 1.5 / SECONDS_A_PUSH


def small(number: int = 0) -> str:
    return f"65f0000000000000000001{number:02x}"


class Order:
    """The streams that were pushed to, in order."""

    def __init__(self) -> None:
        self.streams: list[str] = []

    def note(self, token: str) -> None:
        self.streams.append(token[: len(STREAM)])

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.streams) >= count, timeout=60)

    def others_before(self, announced_at: int, *streams: str, timeout: float = 60) -> int:
        """How many pushes of other streams came between the announcement of these and the last
        push of theirs."""
        left = Counter(dict.fromkeys(streams, SMALL))
        others = 0
        position = announced_at
        until = time.monotonic() + timeout
        while left:
            if position == len(self.streams):
                assert time.monotonic() < until, f"{len(left)} have not been told"
                time.sleep(0.01)
                continue
            stream = self.streams[position]
            position += 1
            others += stream not in streams
            left -= Counter([stream])
        return others


class SlowApple(PushBackend):
    """Takes its time for each push."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.seconds = SECONDS_A_PUSH
        self.refuses: Verdict | None = None
        """What the large stream is answered instead."""

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            if self.seconds:
                time.sleep(self.seconds)
            self.order.note(push.token)
            if self.refuses and push.token.startswith(STREAM):
                yield PushResult(push, self.refuses, status=503, retry_after=1.0)
            else:
                yield delivered(push)

    def close(self) -> None:
        """Nothing to close."""


@contextmanager
def delivering(*worlds: World) -> Iterator[None]:
    """Each world delivers in a thread of its own, as worker processes do."""
    wake, stopped = threading.Event(), threading.Event()
    threads = [
        threading.Thread(
            target=deliver_until_stopped, args=(world.delivery, wake, stopped, 0.1), daemon=True
        )
        for world in worlds
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for world in worlds:
            world.delivery.stop()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


class Stage:
    """A large stream that has ended, and small ones that have not; any number of workers."""

    def __init__(self, workers: int = 1, large: int = LARGE, **policy: int) -> None:
        self.order = Order()
        self.apples = [SlowApple(self.order) for _ in range(workers)]
        self.apple = self.apples[0]
        storage = MemoryStorage()
        self.worlds = [
            World(storage, apple, clock=time.time, **{"batch_size": 1000, **policy})
            for apple in self.apples
        ]
        self.world = self.worlds[0]
        self.world.register_many(large)
        for number in range(50):
            self.world.register_many(SMALL, small(number))
        self.world.end()

    def announce(self, *streams: str) -> int:
        """Say that these end; after how many pushes."""
        for stream in streams:
            self.world.end(stream=stream)
        return len(self.order.streams)

    def others_before(self, *streams: str) -> int:
        return self.order.others_before(self.announce(*streams), *streams)


def test_a_small_stream_does_not_wait_for_a_large_one() -> None:
    stage = Stage()
    with delivering(*stage.worlds):
        for number in range(3):
            stage.order.wait_for(500 * (number + 1))
            assert stage.others_before(small(number)) <= SOON
    assert stage.order.streams.count(STREAM) < LARGE, "the large one was to be under way all along"


def test_nor_do_fifty_at_once() -> None:
    stage = Stage()
    streams = [small(number) for number in range(50)]
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        assert stage.others_before(*streams) <= SOON + 0.5 / SECONDS_A_PUSH


def test_nor_while_two_workers_are_at_the_large_one() -> None:
    stage = Stage(workers=2)
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        assert stage.others_before(small()) <= 2 * SOON


def test_small_streams_do_not_make_the_turns_of_the_large_one_longer() -> None:
    stage = Stage()
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        stage.others_before(*(small(number) for number in range(1, 50)))
        stage.order.wait_for(len(stage.order.streams) + 100)
        assert stage.others_before(small()) <= SOON


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.REJECTED])
def test_nor_while_the_large_one_is_refused(verdict: Verdict) -> None:
    stage = Stage(large=2000)
    stage.apple.refuses = verdict
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        assert stage.others_before(small(0)) <= SOON
        stage.order.wait_for(2000)  # now it waits until it may be tried again
        assert stage.others_before(small(1)) <= SOON


def test_nor_while_apple_answers_late() -> None:
    order = Order()

    def note(received: Received) -> None:
        order.note(received.token)

    with LocalApns(on_push=note, keep=0) as apns:
        push = apns_push(apns)
        world = World(MemoryStorage(), push, clock=time.time, batch_size=1000)
        world.register_many(LARGE)
        world.register_many(SMALL, small())
        world.end()
        apns.delay(0.5)
        with delivering(world):
            order.wait_for(200)
            announced_at = len(order.streams)
            world.end(stream=small())
            # As many as are let in flight meanwhile: it doubles with each answer.
            assert order.others_before(announced_at, small()) <= 1000
        push.close()


def test_nor_when_apple_becomes_slow_after_batches_have_grown() -> None:
    stage = Stage(batch_size=300)
    stage.apple.seconds = 0
    seconds_a_push = 5 * SECONDS_A_PUSH
    with delivering(*stage.worlds):
        stage.order.wait_for(1000)
        stage.apple.seconds = seconds_a_push
        assert stage.others_before(small()) <= SOON * SECONDS_A_PUSH / seconds_a_push


def test_nor_for_many_large_ones() -> None:
    stage = Stage()
    for number in range(100, 110):
        stage.world.register_many(400, small(number))
        stage.world.end(stream=small(number))
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        assert stage.others_before(small()) <= SOON


class OneIsLate(PushBackend):
    """Answers all but one push at once, and asks for more meanwhile, as an engine does."""

    def __init__(self, late: str) -> None:
        self.late = late
        self.sent: list[str] = []
        self.answer = threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source = iter(pushes)
        late = None
        while True:
            push = next(source, None)
            if push is not None:
                self.sent.append(push.token)
                if push.token == self.late:
                    late = push
                else:
                    yield delivered(push)
            elif late is None:
                return
            elif self.answer.wait(0.05):
                yield delivered(late)
                late = None

    def close(self) -> None:
        """Nothing to close."""


def test_a_small_stream_does_not_wait_for_the_last_answer_of_a_run() -> None:
    apple = OneIsLate(a_token(5))
    world = World(MemoryStorage(), apple)
    world.register_many(SMALL)
    tokens = world.register_many(SMALL, small())
    world.end()
    with delivering(world):
        wait_until(lambda: len(apple.sent) == SMALL)
        world.end(stream=small())
        try:
            wait_until(lambda: set(tokens) <= set(apple.sent), timeout=10)
        finally:
            apple.answer.set()


def test_nobody_waits_for_a_phone_whose_pushes_alone_have_no_answer() -> None:
    world = World(MemoryStorage())
    world.register_many(SMALL)
    reset = "libcurl 92: http2 stream"
    world.answer = lambda push: (
        PushResult(
            push,
            # As the engine has it, where others are answered on the connection and where none are.
            Verdict.UNREACHABLE if push.session.attempts else Verdict.RETRY,
            reason=reset,
        )
        if push.token == a_token(5)
        else delivered(push)
    )
    world.end()
    for _ in range(8):
        assert world.run_later(60).obstacle is None
        assert world.delivery.pause() == 0
    assert len(set(world.told)) == SMALL
    assert world.session(a_token(5)).attempts > 3
