"""Apple cannot be reached, or not always, in the midst of a fan-out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .apple_stage import HELD_IS_SAID, UNREACHABLE_IS_SAID, Stage, a_stage
from .audience import until
from .processes import open_files, rss

PHONES = 1000
# What a worker may need more than after the first outage, in KiB: its pools fill up.
MORE_MEMORY = 8 * 1024


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES) as stage:
        stage.apns.delay(0.05)
        stage.audience.end()
        yield stage


def assert_nobody_was_blamed(stage: Stage) -> None:
    assert stage.attempts() == {0}
    assert {row.reason for row in stage.storage.sessions.page(limit=10_000)} == {None}
    assert stage.said.count(UNREACHABLE_IS_SAID) == 1
    assert HELD_IS_SAID not in stage.said


def test_it_goes_down_and_comes_back_again_and_again(stage: Stage) -> None:
    grown = []
    with stage.worker(LIVE_ACTIVITY_APNS_SERVER=stage.apns.url) as worker:
        stage.midst()
        for outage in range(4):
            with stage.apns.outage():
                stage.come_late()
                told = len(stage.front.accepted)
                time.sleep(0.5 + 0.3 * outage)  # nothing may come through
                assert len(stage.front.accepted) == told
            stage.audience.wait_until_told(20)
            grown.append((open_files(worker.pid), rss(worker.pid)))
        stage.all_are_well(worker)
        files, memory = grown[1]
        assert open_files(worker.pid) <= files + 1, grown
        assert rss(worker.pid) <= memory + MORE_MEMORY, grown
    assert_nobody_was_blamed(stage)


def test_it_is_away_from_the_beginning_and_is_tried_again(stage: Stage) -> None:
    knocks: list[None] = []
    stage.front.become(lambda _: knocks.append(None))
    with stage.worker() as worker:
        assert until(lambda: len(knocks) >= 3, 30)
        stage.front.recover()
        stage.all_are_well(worker)
    assert_nobody_was_blamed(stage)


def test_its_name_does_not_resolve(stage: Stage) -> None:
    with stage.worker(LIVE_ACTIVITY_APNS_SERVER="https://apple.invalid") as lost:
        assert until(lambda: UNREACHABLE_IS_SAID in stage.said, 20)
        time.sleep(1)  # it neither ends nor gives anybody up
        assert lost.poll() is None
        assert stage.audience.pending == PHONES
    with stage.worker() as worker:
        stage.all_are_well(worker)
    assert_nobody_was_blamed(stage)


def test_it_is_slow_and_then_too_slow(stage: Stage) -> None:
    with stage.worker() as worker:
        stage.midst(50)
        stage.apns.delay(0.7)
        stage.come_late()
        stage.audience.wait_until_told(40)
        stage.apns.delay(3)
        stage.come_late()
        assert until(lambda: UNREACHABLE_IS_SAID in stage.said, 20)
        stage.apns.delay(0)
        stage.all_are_well(worker)
    assert_nobody_was_blamed(stage)


def test_its_connections_are_half_open(stage: Stage) -> None:
    with stage.worker() as worker:
        stage.midst()
        stage.apns.faults.half_open = True
        assert until(lambda: UNREACHABLE_IS_SAID in stage.said, 20)
        assert stage.audience.pending
        stage.apns.faults.half_open = False
        stage.all_are_well(worker)
    assert_nobody_was_blamed(stage)
