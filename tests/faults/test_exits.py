"""Processes that end in the midst of a fan-out, or sleep through their leases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.delivery.batch_size import FIRST_BATCH
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import until
from .crowds import Crowd, a_crowd, sqlite_in
from .killing import BATCH, IN_FLIGHT
from .processes import a_worker, open_files, process, threads

# A lease that would show: nobody waits so long here.
LONG_LEASE = 120
SHORT_LEASE = 3
# How long Apple takes for a push from the moment on at which a process is to end, in seconds: as
# long as before, or so long that it takes many times over what a process has for its end to answer
# all that is in flight.
APPLE_TAKES = (0.05, 2.0)


@contextmanager
def a_slow_crowd(uri: str, count: int) -> Iterator[Crowd]:
    with LocalApns(max_concurrent_streams=IN_FLIGHT) as apns, a_crowd(uri, apns, count) as crowd:
        apns.delay(0.05)
        yield crowd


def config_of(crowd: Crowd, **config: object) -> dict[str, object]:
    settings = {"LIVE_ACTIVITY_LEASE": LONG_LEASE, "LIVE_ACTIVITY_BATCH_SIZE": BATCH}
    return crowd.config(**settings, **config)


def expect_nothing_held(crowd: Crowd) -> None:
    """Whoever was in the midst has ended, and has given back what it had not sent."""
    assert crowd.audience.pending, "it was over before the end"
    assert crowd.claimed == 0


def expect_another_to_go_on(crowd: Crowd, output: Path) -> None:
    """It tells the rest, without waiting for anybody's lease, and nobody twice."""
    crowd.apns.delay(0)
    with a_worker(config_of(crowd), output):
        crowd.wait_until_told(LONG_LEASE / 2)
        crowd.audience.check()
        assert crowd.doubled == 0
        crowd.end_the_other_stream()
        crowd.wait_until_the_other_stream_is_told()


@pytest.mark.parametrize("apple_takes", APPLE_TAKES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_gives_back_what_is_unsent(
    number: signal.Signals, apple_takes: float, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with a_slow_crowd(sqlite_in(tmp_path), 600) as crowd:
        crowd.audience.end()
        with a_worker(config_of(crowd), output) as worker:
            crowd.wait_for_pushes(100)
            crowd.apns.delay(apple_takes)
            worker.send_signal(number)
            assert worker.wait(10) == 0, output.read_text()
        expect_nothing_held(crowd)
        expect_another_to_go_on(crowd, output)


def test_one_of_two_workers_stops_and_the_other_does_not_wait(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with services.postgresql() as uri, a_slow_crowd(uri, 600) as crowd:
        crowd.audience.end()
        with a_worker(config_of(crowd), output) as one, a_worker(config_of(crowd), output) as other:
            assert until(lambda: len({push.client for push in crowd.apns.accepted}) == 2, 30)
            one.send_signal(signal.SIGTERM)
            assert one.wait(20) == 0, output.read_text()
            crowd.wait_until_told(LONG_LEASE / 2)
            crowd.audience.check()
            assert crowd.doubled == 0
            crowd.end_the_other_stream()
            crowd.wait_until_the_other_stream_is_told()
            assert other.poll() is None


@contextmanager
def a_script(
    crowd: Crowd, how: str, output: Path, apple_takes: float = APPLE_TAKES[0]
) -> Iterator[subprocess.Popen[bytes]]:
    """``faults.ending``, with its thread in the midst of the fan-out."""
    config = config_of(crowd, LIVE_ACTIVITY_DELIVERY="thread")
    read, write = os.pipe()
    with (
        os.fdopen(write, "wb", buffering=0) as go,
        process(
            sys.executable, "-m", "faults.ending", how, config=config, output=output, stdin=read
        ) as script,
    ):
        os.close(read)
        if how != "ends at once":
            crowd.wait_for_pushes(100)
            crowd.apns.delay(apple_takes)
            go.write(b"\n")
        yield script


ENDINGS = {"raises": 1, "exits": 3, "is interrupted": -signal.SIGINT}


@pytest.mark.parametrize("apple_takes", APPLE_TAKES)
@pytest.mark.parametrize("how", ENDINGS)
def test_a_script_in_the_midst_of_it(how: str, apple_takes: float, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with a_slow_crowd(sqlite_in(tmp_path), 600) as crowd:
        with a_script(crowd, how, output, apple_takes) as script:
            if how == "is interrupted":
                script.send_signal(signal.SIGINT)
            assert script.wait(20) == ENDINGS[how], output.read_text()
        expect_nothing_held(crowd)
        expect_another_to_go_on(crowd, output)


def test_a_script_that_announces_and_ends_at_once(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with a_slow_crowd(sqlite_in(tmp_path), 300) as crowd:
        with a_script(crowd, "ends at once", output) as script:
            assert script.wait(20) == 0, output.read_text()
        assert output.read_text() == ""
        expect_nothing_held(crowd)
        expect_another_to_go_on(crowd, output)


# --- asleep ---------------------------------------------------------------------------------------


def test_a_worker_that_slept_through_its_lease_settles_nothing_wrongly(tmp_path: Path) -> None:
    """It has claimed all there are, and wakes up while another is at them."""
    output = tmp_path / "output"
    with services.postgresql() as uri, a_slow_crowd(uri, 2 * FIRST_BATCH) as crowd:
        crowd.apns.delay(0.2)
        config = crowd.config(LIVE_ACTIVITY_LEASE=SHORT_LEASE)
        crowd.audience.end()
        with a_worker(config, output) as sleeper:
            crowd.wait_for_pushes(20)
            assert crowd.claimed > FIRST_BATCH
            sleeper.send_signal(signal.SIGSTOP)
            time.sleep(1.2 * SHORT_LEASE)  # a lease ends by the clock, and says nothing
            by_sleeper = crowd.told
            with a_worker(config, output):
                crowd.wait_for_pushes(20)
                sleeper.send_signal(signal.SIGCONT)
                crowd.wait_for_pushes(40)
                crowd.apns.delay(0)
                crowd.wait_until_told()
                crowd.audience.check()
                # What it had pushed without a word in the database, and what it had drawn to be
                # in flight next, which are no more; nothing that it has drawn later, or given
                # back, of what was another's by then.
                assert crowd.doubled <= 2 * by_sleeper + 1
                assert crowd.most_often_told <= 2
            # The other is gone: whatever is told now, the sleeper tells.
            files, its_threads = open_files(sleeper.pid), threads(sleeper.pid)
            crowd.end_the_other_stream()
            crowd.wait_until_the_other_stream_is_told()
            assert until(lambda: open_files(sleeper.pid) <= files + 1, 10)
            assert until(lambda: threads(sleeper.pid) <= its_threads, 10)
