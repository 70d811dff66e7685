"""Who runs delivery: the thread, the caller, or some other process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity import LiveActivity, MemoryPush, StreamState, notify_stream_state
from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.inline import InlineDispatch
from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch
from flask_allmine_liveactivity.dispatch.worker import WorkerDispatch
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    DeliveryReport,
    Push,
    PushResult,
    SessionStatus,
    StreamEvent,
    Verdict,
)
from flask_allmine_liveactivity.storage.memory import MemoryStorage, MemoryStreams

from .world import STREAM, World, a_token, delivered, threads, wait_until


@pytest.fixture
def world() -> World:
    return World(MemoryStorage(), clock=time.time)


@pytest.fixture
def thread(world: World) -> Iterator[ThreadDispatch]:
    """A thread that sweeps seldom: what it does soon, it was woken for."""
    dispatch = ThreadDispatch(lambda: world.delivery, sweep_interval=30.0)
    yield dispatch
    dispatch.close()


def quick(world: World) -> ThreadDispatch:
    return ThreadDispatch(lambda: world.delivery, sweep_interval=0.05)


# --- the thread ------------------------------------------------------------------------------


def test_the_thread_tells_when_it_is_woken(world: World, thread: ThreadDispatch) -> None:
    token = world.register()
    looked, due = threading.Event(), world.storage.streams.due

    def look(now: float, limit: int) -> list[StreamEvent]:
        found = due(now, limit)
        looked.set()
        return found

    world.storage.streams.due = look  # type: ignore[method-assign]
    thread.start()
    assert looked.wait(30)
    world.end()
    thread.wake(STREAM)
    wait_until(lambda: world.told == [token])


def test_waking_starts_it(world: World, thread: ThreadDispatch) -> None:
    world.register()
    world.end()
    thread.wake(STREAM)
    wait_until(lambda: len(world.told) == 1)


def test_it_sweeps_for_what_nobody_woke_it_for(world: World) -> None:
    world.register()
    sweeping = quick(world)
    sweeping.start()
    world.end()
    wait_until(lambda: len(world.told) == 1)
    sweeping.close()


def test_it_looks_again_when_something_is_due(world: World, thread: ThreadDispatch) -> None:
    world.register()
    world.end()
    answers = iter([Verdict.RETRY, Verdict.DELIVERED])
    world.answer = lambda push: PushResult(push, next(answers), retry_after=1.0)
    thread.wake(STREAM)
    wait_until(lambda: len(world.told) == 2)


def test_to_start_twice_is_to_start_once(world: World, thread: ThreadDispatch) -> None:
    before = threads()
    thread.start()
    thread.start()
    assert len(threads() - before) == 1


def test_an_error_does_not_end_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.register()
    world.end()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 1:
            raise OSError("out of sockets")
        return delivered(push)

    world.answer = answer
    dispatch = quick(world)
    dispatch.start()
    wait_until(lambda: world.statuses() == {SessionStatus.ENDED})
    dispatch.close()
    assert "out of sockets" in caplog.text


class Away(MemoryStreams):
    """Does not answer for so many times."""

    times = 3

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        if self.times:
            self.times -= 1
            raise StorageUnavailable("the database is gone")
        return super().due(now, limit)


def test_a_storage_that_is_away_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    world = World(MemoryStorage(streams=Away()), clock=time.time)
    world.register()
    world.end()
    dispatch = quick(world)
    dispatch.start()
    wait_until(lambda: world.statuses() == {SessionStatus.ENDED})
    dispatch.close()
    assert caplog.text.count("the database is gone") == 3


def test_to_close_releases_what_is_claimed_and_unsent(world: World, thread: ThreadDispatch) -> None:
    world.register_many(50)
    world.end()

    midst = threading.Event()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 3:
            midst.set()
            wait_until(lambda: world.delivery.stopping)
        return delivered(push)

    world.answer = answer
    thread.wake(STREAM)
    assert midst.wait(30)
    thread.close()
    told = len(world.told)
    rows = world.sessions()
    assert told == 3
    assert {row.claim_id for row in rows} == {None}
    assert sum(row.status is SessionStatus.ENDED for row in rows) == told


def test_closed_it_stays_closed(world: World, thread: ThreadDispatch) -> None:
    before = threads()
    thread.start()
    thread.close()
    world.register()
    world.end()
    thread.wake(STREAM)
    assert threads() <= before
    assert world.told == []


def test_while_nobody_answers_not_even_waking_makes_it_knock(world: World) -> None:
    world.register_many(20)
    world.end()
    world.refuse(Verdict.UNREACHABLE)
    dispatch = quick(world)
    until = time.monotonic() + 0.45
    while time.monotonic() < until:
        dispatch.wake(STREAM)
        time.sleep(0.01)
    dispatch.close()
    assert len(world.told) == 1


FORKING = """
import os, sys, time
from pathlib import Path
from flask import Flask
from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on

folder = sys.argv[1]
app = Flask("host", instance_path=folder)
app.config.update(
    LIVE_ACTIVITY_PUSH="console", LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{folder}/db",
    LIVE_ACTIVITY_ALLOW_ANY_STREAM=True, LIVE_ACTIVITY_SWEEP_INTERVAL=30,
    JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
)
LiveActivity(app)
installation = installed_on(app)
with app.app_context():
    installation.register(user_id="a", stream_id="65f000000000000000000001", device_id="d",
                          activity_id="a", token="tok")
installation.dispatch.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    with app.app_context():
        notify_stream_state("65f000000000000000000001", "ready")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        time.sleep(0.02)
        if installation.storage.counts(time.time()).ended:
            os._exit(0)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_thread_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, str(tmp_path)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


# --- the caller ------------------------------------------------------------------------------


@pytest.fixture
def host() -> Iterator[Installation]:
    yield from a_host(LIVE_ACTIVITY_DELIVERY="inline")


def a_host(**config: Any) -> Iterator[Installation]:
    app = Flask("host")
    app.config.update(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
        **config,
    )
    LiveActivity(app, push=MemoryPush(by_number))
    with app.app_context():
        yield installed_on(app)
    installed_on(app).close()


def by_number(push: Push) -> PushResult:
    """Each of the five verdicts that an answer can be, by the token's last digit."""
    match int(push.token[-8:], 16) % 10:
        case 1:
            return PushResult(push, Verdict.GONE, reason="Unregistered", gone_since=time.time())
        case 2:
            return PushResult(push, Verdict.RETRY, reason="TooManyRequests")
        case 3:
            return PushResult(push, Verdict.REJECTED, reason="BadDeviceToken")
        case _:
            return delivered(push)


def phones(host: Installation, count: int) -> None:
    for number in range(count):
        host.register(
            user_id=f"user-{number}",
            stream_id=STREAM,
            device_id="d",
            activity_id=f"a-{number}",
            token=a_token(number),
        )


def test_inline_the_caller_learns_what_became_of_it(host: Installation) -> None:
    phones(host, 20)
    report = notify_stream_state(STREAM, "ready")
    assert report == DeliveryReport(
        stream_id=STREAM,
        state=StreamState.READY,
        revision=1,
        queued=False,
        delivered=14,
        gone=2,
        retrying=2,
        rejected=2,
    )


def test_inline_the_same_state_again_sends_nothing_twice(host: Installation) -> None:
    phones(host, 10)
    notify_stream_state(STREAM, "ready")
    report = notify_stream_state(STREAM, "ready")
    assert (report.delivered, report.gone, report.rejected, report.revision) == (0, 0, 0, 1)


def test_inline_without_an_answer_all_are_retrying(host: Installation) -> None:
    phones(host, 10)
    assert isinstance(host.push, MemoryPush)
    host.push.answer = lambda push: PushResult(push, Verdict.UNREACHABLE)
    report = notify_stream_state(STREAM, "ready")
    assert (report.delivered, report.retrying) == (0, 10)


def test_by_thread_the_caller_does_not_wait() -> None:
    for host in a_host(LIVE_ACTIVITY_DELIVERY="thread"):
        phones(host, 5)
        report = notify_stream_state(STREAM, "ready")
        assert report.queued
        assert (report.delivered, report.gone, report.retrying, report.rejected) == (None,) * 4


def test_inline_closes_nothing_and_starts_nothing() -> None:
    def delivery() -> Delivery:
        raise AssertionError("nothing is to be built")

    dispatch = InlineDispatch(delivery)
    dispatch.start()
    dispatch.close()


# --- some other process ----------------------------------------------------------------------


def test_the_worker_way_only_writes() -> None:
    for host in a_host(LIVE_ACTIVITY_DELIVERY="worker"):
        phones(host, 5)
        report = notify_stream_state(STREAM, "ready")
        assert report.queued
        assert isinstance(host.push, MemoryPush)
        assert host.push.sent == []
        assert host.storage.counts(time.time()).pending == 5


def test_the_worker_way_runs_no_thread() -> None:
    before = threads()
    dispatch = WorkerDispatch()
    dispatch.start()
    dispatch.wake(STREAM)
    assert threads() <= before
    dispatch.close()


def test_a_thread_that_cannot_be_started_does_not_fail_the_announcement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse() -> Delivery:
        raise RuntimeError("can't start new thread")

    dispatch = ThreadDispatch(refuse, 15.0)
    dispatch.wake("65f000000000000000000001")
    assert "could not be started" in caplog.text
