"""Apple ends connections and streams in the midst of a fan-out: what it did not take goes again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import sick
from .apple_stage import HELD_IS_SAID, Stage, a_stage
from .audience import until

PHONES = 1000


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES) as stage:
        yield stage


def test_goaway_again_and_again(stage: Stage) -> None:
    stage.apns.delay(0.05)
    stage.audience.end()
    met = 0
    with stage.worker() as worker:
        stage.midst(10)
        while stage.audience.pending:
            met += stage.apns.faults.goaway()
            time.sleep(0.1)
        stage.all_are_well(worker)
    assert met >= 3
    assert_told_about_once(stage)


def test_goaway_in_the_middle_of_what_has_come(stage: Stage) -> None:
    taken = stage.front.taken_by_others
    stage.front.become(sick.over_tls(stage.folder, sick.leaves_after(70, taken), "h2"))
    stage.audience.end()
    with stage.worker() as worker:
        assert until(lambda: stage.front.connections >= 5, 20)
        stage.all_are_well(worker, 60)
    assert_told_about_once(stage)


def test_one_stream_at_a_time(stage: Stage) -> None:
    stage.apns.delay(0.005)
    stage.audience.end()
    with stage.worker() as worker:
        stage.midst()
        stage.apns.faults.one_stream = True
        told = len(stage.front.accepted)
        assert until(lambda: len(stage.front.accepted) >= min(PHONES, told + 50), 20)
        stage.apns.faults.one_stream = False
        stage.all_are_well(worker)
    assert_told_about_once(stage)


def test_answers_that_come_twice(stage: Stage) -> None:
    taken = stage.front.taken_by_others
    stage.front.become(sick.over_tls(stage.folder, sick.answers_twice(taken), "h2"))
    stage.audience.end()
    with stage.worker() as worker:
        stage.all_are_well(worker)
    assert_told_about_once(stage)


def test_streams_that_are_reset_at_random(stage: Stage) -> None:
    taken = stage.front.taken_by_others
    resets = sick.resets_some(0.02, random.Random(5), taken)
    stage.front.become(sick.over_tls(stage.folder, resets, "h2"))
    stage.audience.end()
    with stage.worker() as worker:
        assert until(lambda: len(taken) >= PHONES // 2, 40)
        stage.front.recover()
        stage.all_are_well(worker)
        # A push that alone was reset is tried again later, and the others go on.
        assert max(stage.attempts()) <= 3


def assert_told_about_once(stage: Stage) -> None:
    """What was answered is not sent again, whatever became of the connection."""
    assert stage.attempts() == {0}
    assert HELD_IS_SAID not in stage.said
    times = Counter(push.token for push in stage.front.accepted)
    assert sum(times.values()) <= 1.2 * len(times)
