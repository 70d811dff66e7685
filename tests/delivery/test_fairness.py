"""A stream of ten phones does not wait for a stream of thousands.

Judged by order: how many pushes of the large streams go out between the announcement of a small one
and its last push. The clock is turned by each push, so that a number of pushes is a time: what is
found at the next look, after the batch that goes out and the one claimed ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.source import LOOK_AGAIN, later_of
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.received import Received
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import STREAM, World, a_token, apns_push, delivered, wait_until

LARGE = 4000
SMALL = 10
SECONDS_A_PUSH = 0.002
REFUSED_FOR = 900.0
# Half a second until the next look, then a batch that goes out and one that is claimed.
SOON = 1.5 / SECONDS_A_PUSH


def small(number: int = 0) -> str:
    return f"65f0000000000000000001{number:02x}"


class Order:
    """The streams that were pushed to, in order, and what happens at which push."""

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.announced_at: dict[str, int] = {}
        self._then: dict[int, Callable[[], object]] = {}

    def at(self, count: int, then: Callable[[], object]) -> None:
        """Call this once so many have been pushed."""
        self._then[count] = then

    def note(self, token: str) -> None:
        self.streams.append(token[: len(STREAM)])
        then = self._then.pop(len(self.streams), None)
        if then is not None:
            then()

    def others_before(self, *streams: str) -> int:
        """How many pushes of other streams came between the announcement of these and the last
        push of theirs."""
        last = 0
        for stream in streams:
            assert self.streams.count(stream) == SMALL
            last = max(last, len(self.streams) - self.streams[::-1].index(stream))
        first = min(self.announced_at[stream] for stream in streams)
        return sum(stream not in streams for stream in self.streams[first:last])


class InTurn:
    """Lets those who push do so one after the other, each once, as if all were equally fast."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pushing: list[int] = []

    @contextmanager
    def joined(self) -> Iterator[None]:
        """While a run of this thread goes on."""
        with self._changed:
            self._pushing.append(threading.get_ident())
        yield
        with self._changed:
            self._pushing.remove(threading.get_ident())
            self._changed.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One push of this thread."""
        this = threading.get_ident()
        with self._changed:
            assert self._changed.wait_for(lambda: self._pushing[0] == this, 60)
            yield
            self._pushing.append(self._pushing.pop(0))
            self._changed.notify_all()


class SlowApple(PushBackend):
    """Takes its time for each push, by a clock that it turns itself."""

    def __init__(self, order: Order, in_turn: InTurn) -> None:
        self.order = order
        self.in_turn = in_turn
        self.seconds = SECONDS_A_PUSH
        self.pass_time: Callable[[float], object] = lambda _: None
        self.refuses: Verdict | None = None
        """What the large stream is answered instead."""

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            with self.in_turn.turn():
                self.pass_time(self.seconds)
                self.order.note(push.token)
            if self.refuses and push.token.startswith(STREAM):
                yield PushResult(push, self.refuses, status=503, retry_after=REFUSED_FOR)
            else:
                yield delivered(push)

    def close(self) -> None:
        """Nothing to close."""


class Stage:
    """A large stream that has ended, and small ones that have not; any number of workers."""

    def __init__(self, workers: int = 1, large: int = LARGE, **policy: int) -> None:
        self.order, self.in_turn = Order(), InTurn()
        self.apple = SlowApple(self.order, self.in_turn)
        self.world = World(MemoryStorage(), self.apple, **{"batch_size": 1000, **policy})
        # They push at the same time.
        self.apple.pass_time = lambda seconds: self.world.turn(seconds / workers)
        self.deliveries = [self.world.another_delivery() for _ in range(workers)]
        self.world.register_many(large)
        for number in range(50):
            self.world.register_many(SMALL, small(number))
        self.world.end()

    def announce(self, *streams: str) -> None:
        """Say that these end."""
        for stream in streams:
            self.order.announced_at[stream] = len(self.order.streams)
            self.world.end(stream=stream)

    def announce_at(self, count: int, *streams: str) -> None:
        """Say it once so many have been pushed."""
        self.order.at(count, lambda: self.announce(*streams))

    def deliver(self) -> None:
        """Let all workers deliver, until none finds anything to push."""
        threads = [
            threading.Thread(target=self._work, args=(delivery,), daemon=True)
            for delivery in self.deliveries
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()

    def _work(self, delivery: Delivery) -> None:
        pushed = -1
        while pushed < len(self.order.streams):
            pushed = len(self.order.streams)
            with self.in_turn.joined():
                delivery.run()


def test_a_small_stream_does_not_wait_for_a_large_one() -> None:
    stage = Stage()
    for number in range(3):
        stage.announce_at(500 * (number + 1), small(number))
    stage.deliver()
    for number in range(3):
        assert stage.order.others_before(small(number)) <= SOON
    assert stage.order.streams[-1] == STREAM, "the large one was to be under way all along"


def test_nor_do_fifty_at_once() -> None:
    stage = Stage()
    streams = [small(number) for number in range(50)]
    stage.announce_at(500, *streams)
    stage.deliver()
    assert stage.order.others_before(*streams) <= SOON


def test_nor_while_two_workers_are_at_the_large_one() -> None:
    stage = Stage(workers=2)
    stage.announce_at(500, small())
    stage.deliver()
    assert stage.order.others_before(small()) <= 2 * SOON


def test_small_streams_do_not_make_the_turns_of_the_large_one_longer() -> None:
    stage = Stage()
    stage.announce_at(500, *(small(number) for number in range(1, 50)))
    stage.announce_at(2000, small())
    stage.deliver()
    assert stage.order.others_before(small()) <= SOON


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.REJECTED])
def test_nor_while_the_large_one_is_refused(verdict: Verdict) -> None:
    stage = Stage(large=2000)
    stage.apple.refuses = verdict
    stage.announce_at(500, small(0))
    stage.deliver()
    assert stage.order.others_before(small(0)) <= SOON
    stage.world.turn(REFUSED_FOR)  # now those of the large one may be tried again
    stage.announce(small(1))
    stage.deliver()
    assert stage.order.others_before(small(1)) <= SOON


def test_nor_while_apple_answers_late() -> None:
    order = Order()

    def note(received: Received) -> None:
        order.note(received.token)

    def announce() -> None:
        order.announced_at[small()] = len(order.streams)
        world.end(stream=small())

    with LocalApns(on_push=note, keep=0) as apns:
        push = apns_push(apns)
        world = World(MemoryStorage(), push, clock=time.time, batch_size=1000)
        world.register_many(LARGE)
        world.register_many(SMALL, small())
        world.end()
        apns.delay(0.5)
        order.at(200, announce)

        def stop_once_told() -> None:
            if order.streams.count(small()) == SMALL:
                world.delivery.stop()

        world.delivery.run(on_result=stop_once_told)
        push.close()
    # As many as may be in flight, and once more until the next look: it takes as long as an answer.
    assert order.others_before(small()) <= 2000


def test_nor_when_apple_becomes_slow_after_batches_have_grown() -> None:
    stage = Stage(batch_size=300)
    stage.apple.seconds = 0
    seconds_a_push = 5 * SECONDS_A_PUSH

    def become_slow() -> None:
        stage.apple.seconds = seconds_a_push
        stage.announce(small())

    stage.order.at(1000, become_slow)
    stage.deliver()
    # A batch that was claimed before takes longer than one should.
    assert stage.order.others_before(small()) <= SOON * SECONDS_A_PUSH / seconds_a_push


def test_nor_for_many_large_ones() -> None:
    stage = Stage()
    for number in range(100, 110):
        stage.world.register_many(400, small(number))
        stage.world.end(stream=small(number))
    stage.announce_at(500, small())
    stage.deliver()
    assert stage.order.others_before(small()) <= SOON


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
            elif self.answer.wait(0.01):
                yield delivered(late)
                late = None
            else:
                source = later_of(pushes)

    def close(self) -> None:
        """Nothing to close."""


def test_a_small_stream_does_not_wait_for_the_last_answer_of_a_run() -> None:
    apple = OneIsLate(a_token(5))
    world = World(MemoryStorage(), apple)
    world.register_many(SMALL)
    tokens = world.register_many(SMALL, small())
    world.end()
    running = threading.Thread(target=world.run)
    running.start()
    try:
        wait_until(lambda: len(apple.sent) == SMALL)
        world.end(stream=small())
        world.turn(LOOK_AGAIN)
        wait_until(lambda: set(tokens) <= set(apple.sent))
    finally:
        apple.answer.set()
        running.join()


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
