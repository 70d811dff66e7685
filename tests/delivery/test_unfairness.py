"""Where a small stream still waits long: what is to be mended, or to be decided."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .test_fairness import SECONDS_A_PUSH, SMALL, SOON, Stage, delivering, small
from .world import World, a_token, delivered, wait_until


@pytest.mark.xfail(strict=True, reason="batches that grew while Apple was quick go out whole")
def test_a_small_stream_does_not_wait_when_apple_becomes_slow() -> None:
    stage = Stage(batch_size=300)
    stage.apple.seconds = 0
    seconds_a_push = 5 * SECONDS_A_PUSH
    with delivering(*stage.worlds):
        stage.order.wait_for(1000)
        stage.apple.seconds = seconds_a_push
        assert stage.others_before(small()) <= SOON * SECONDS_A_PUSH / seconds_a_push


@pytest.mark.xfail(strict=True, reason="a turn is half a second for each large stream")
def test_a_small_stream_does_not_wait_for_many_large_ones() -> None:
    stage = Stage()
    for number in range(100, 110):
        stage.world.register_many(400, small(number))
        stage.world.end(stream=small(number))
    with delivering(*stage.worlds):
        stage.order.wait_for(500)
        assert stage.others_before(small()) <= SOON


class OneIsLate(PushBackend):
    """Answers all but one push at once, as an engine does that has them in flight."""

    def __init__(self, late: str) -> None:
        self.late = late
        self.sent: list[str] = []
        self.answer = threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        late = None
        for push in pushes:
            self.sent.append(push.token)
            if push.token == self.late:
                late = push
            else:
                yield delivered(push)
        if late is not None:
            self.answer.wait(3)
            yield delivered(late)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.xfail(strict=True, reason="a run that has drawn its last push looks for no stream")
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
            wait_until(lambda: set(tokens) <= set(apple.sent), timeout=2)
        finally:
            apple.answer.set()


@pytest.mark.xfail(strict=True, reason="one push without an answer is taken for Apple's silence")
def test_a_phone_whose_pushes_are_reset_does_not_stop_the_others() -> None:
    world = World(MemoryStorage())
    world.register_many(SMALL)
    world.answer = lambda push: (
        PushResult(push, Verdict.UNREACHABLE, reason="libcurl 92: http2 stream")
        if push.token == a_token(5)
        else delivered(push)
    )
    world.end()
    for _ in range(8):
        world.run_later(1)
    assert len(set(world.told)) == SMALL
    assert world.delivery.pause() <= 2, "and a new stream waits as long"
