"""Real workers on real brokers."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from flask_allmine_liveactivity.app.installation import installed_on

from .stage import (
    STREAM,
    Stage,
    all_told,
    announce_silently,
    notify,
    register_phones,
    until,
)

NEVER_SWEEPS = 3600.0


def accepted(stage: Stage) -> Counter[str]:
    return Counter(received.token for received in stage.apns.accepted)


@pytest.mark.parametrize("flask_task", [True, False])
def test_a_worker_tells_what_a_web_process_has_announced(
    stage_on_each_broker: Stage, flask_task: bool
) -> None:
    stage = stage_on_each_broker
    app = stage.host()
    tokens = register_phones(app, 5)
    with stage.worker(flask_task=flask_task):
        report = notify(app)
        assert until(lambda: all_told(app)), stage.output
    assert report.queued
    assert report.delivered is None
    assert accepted(stage) == Counter(tokens)
    assert "delivered 5, gone 0, rejected 0" in stage.output


def test_a_task_of_the_hosts_may_announce(stage: Stage) -> None:
    app = stage.host()
    tokens = register_phones(app, 3)
    with stage.worker():
        app.extensions["celery"].send_task("host.cancel", (STREAM,))
        assert until(lambda: all_told(app)), stage.output
    assert accepted(stage) == Counter(tokens)


@pytest.mark.parametrize("late_schedule", [False, True])
def test_beat_sweeps_what_no_message_was_sent_for(
    stage_on_each_broker: Stage, late_schedule: bool
) -> None:
    stage = stage_on_each_broker
    app = stage.host()
    tokens = register_phones(app, 3)
    announce_silently(app)
    with stage.worker("--beat", late_schedule=late_schedule):
        assert until(lambda: all_told(app)), stage.output
    assert accepted(stage) == Counter(tokens)


def test_a_beat_of_its_own_sweeps(stage: Stage) -> None:
    app = stage.host()
    register_phones(app, 3)
    announce_silently(app)
    with stage.worker(), stage.beat():
        assert until(lambda: all_told(app)), stage.output


def test_a_queue_of_its_own(stage_on_each_broker: Stage) -> None:
    stage = stage_on_each_broker
    own = stage.broker.get("task_default_queue", "live_activity_test") + ".own"
    stage.config["LIVE_ACTIVITY_CELERY_QUEUE"] = own
    app = stage.host()
    tokens = register_phones(app, 3)
    with stage.worker("--beat"):  # takes the host's queue only, and beat sweeps into the other
        notify(app)
        installed_on(app).close()
        assert until(lambda: "flask_allmine_liveactivity.sweep" in stage.output), stage.output
        assert not stage.apns.received
        with stage.worker("--queues", own):
            assert until(lambda: all_told(app)), stage.output
    assert accepted(stage) == Counter(tokens)


def test_a_hosts_own_routes_are_taken(stage: Stage) -> None:
    stage.broker["task_routes"] = {"flask_allmine_liveactivity.*": {"queue": "pushes"}}
    app = stage.host()
    register_phones(app, 3)
    with stage.worker("--queues", "pushes"):
        notify(app)
        assert until(lambda: all_told(app)), stage.output


def test_two_workers_tell_each_phone_once(stage_on_each_broker: Stage) -> None:
    stage = stage_on_each_broker
    stage.config |= {"LIVE_ACTIVITY_LEASE": 60.0, "LIVE_ACTIVITY_BATCH_SIZE": 20}
    app = stage.host()
    tokens = register_phones(app, 400)
    with stage.worker("--beat"), stage.worker("--beat"):
        notify(app)
        assert until(lambda: all_told(app)), stage.output
    assert accepted(stage) == Counter(tokens)


def test_a_worker_that_is_killed_forgets_nobody(stage_on_each_broker: Stage) -> None:
    stage = stage_on_each_broker
    app = stage.host(LIVE_ACTIVITY_BATCH_SIZE=100)
    tokens = register_phones(app, 800)
    with stage.worker("--concurrency", "1") as worker:
        notify(app)
        stage.apns.wait_for(200, timeout=30)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    assert not all_told(app)
    with stage.worker("--beat"):
        assert until(lambda: all_told(app)), stage.output
    assert set(accepted(stage)) == set(tokens)


def test_a_worker_that_is_asked_to_end_releases_what_is_unsent(stage: Stage) -> None:
    """A warm shutdown: the task under way ends its slice, or all that is due."""
    app = stage.host(LIVE_ACTIVITY_LEASE=60.0)
    tokens = register_phones(app, 400)
    with stage.worker("--concurrency", "1") as worker:
        notify(app)
        stage.apns.wait_for(100, timeout=30)
        worker.terminate()
        assert worker.wait(30) == 0
        told = accepted(stage)
    with stage.worker("--beat"):
        assert until(lambda: all_told(app)), stage.output
    assert accepted(stage) == Counter(tokens)
    assert told


def test_a_worker_of_green_threads_says_what_to_do(stage: Stage) -> None:
    app = stage.host()
    register_phones(app, 1)
    with stage.worker("--pool", "gevent"):
        notify(app)
        assert until(lambda: "worker of green threads (gevent)" in stage.output), stage.output
    assert not stage.apns.received
    with stage.worker("--pool", "threads", "--beat"):
        assert until(lambda: all_told(app)), stage.output


def test_while_apple_does_not_answer_no_task_knocks(stage: Stage) -> None:
    app = stage.host()
    register_phones(app, 3)
    with stage.worker("--beat", "--concurrency", "1"), stage.apns.outage():
        notify(app)
        assert until(lambda: "waits for the push service to answer" in stage.output), stage.output
    with stage.worker("--beat"):
        assert until(lambda: all_told(app)), stage.output
