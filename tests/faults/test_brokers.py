"""Celery's brokers and workers that go in the midst of a fan-out. Beat runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services
from celery import Celery
from sqlalchemy.engine import make_url
from workers.stage import Stage, notify

from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import Audience, until
from .midst import SLOWLY, TOLD_WITHIN
from .proxy import Proxy
from .servers import Server, redis_server

PHONES = 400
AWAY = 2.0


@pytest.fixture(scope="module")
def own_redis() -> Iterator[Server]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with services.postgresql() as uri:
        yield uri


@contextlib.contextmanager
def the_midst_of_tasks(
    database: str, broker: dict[str, Any], apns: LocalApns, folder: Path, *, exits: bool = False
) -> Iterator[tuple[Stage, Audience]]:
    """Stop in the midst of a worker's tasks; then all must be told, and the worker be well.

    Where Celery `exits` at such a fault, the worker is started again.
    """
    stage = Stage(database, broker, apns, folder)
    app = stage.host(LIVE_ACTIVITY_SWEEP_INTERVAL=1.0)
    storage = installed_on(app).storage
    storage.purge(float("inf"))
    audience = Audience(storage, apns)
    with contextlib.closing(stage), stage.worker("--beat") as worker:
        audience.gather(PHONES)
        apns.delay(SLOWLY)
        notify(app)
        apns.wait_for(PHONES // 5, timeout=TOLD_WITHIN)
        yield stage, audience
        apns.delay(0)
        audience.register(PHONES)
        if exits:
            wait_under_a_supervisor(stage, audience, worker)
        else:
            audience.wait_until_told(TOLD_WITHIN)
            assert worker.poll() is None, stage.output
        audience.check()


def wait_under_a_supervisor(
    stage: Stage, audience: Audience, worker: subprocess.Popen[bytes]
) -> None:
    """Wait until nobody is pending; a worker that exits is started again, as systemd does it.

    Celery 5.7 exits now and then where Redis goes while tasks are not acknowledged: it closes the
    lost connection a second time, and kombu 5.7 wants its transport for that (``AttributeError:
    'NoneType' object has no attribute 'hostname'``).
    """
    with contextlib.ExitStack() as started_again:

        def are_told() -> bool:
            nonlocal worker
            if worker.poll() is not None:
                worker = started_again.enter_context(stage.worker("--beat"))
            return not audience.pending

        assert until(are_told, TOLD_WITHIN), f"{audience.pending} are still pending: {stage.output}"
        assert worker.poll() is None, stage.output


def a_broker(port: int) -> dict[str, Any]:
    return {
        "broker_url": f"redis://127.0.0.1:{port}/0",
        "broker_connection_retry_on_startup": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def test_a_redis_that_is_restarted(
    own_redis: Server, database: str, slow_apns: LocalApns, tmp_path: Path
) -> None:
    broker = a_broker(own_redis.port)
    midst = the_midst_of_tasks(database, broker, slow_apns, tmp_path, exits=True)
    with midst as (stage, audience):
        assert audience.pending
        own_redis.stop()
        assert until(lambda: "onnection to broker lost" in stage.output, 20), stage.output
        own_redis.start()


def test_a_rabbitmq_that_is_cut_off(database: str, slow_apns: LocalApns, tmp_path: Path) -> None:
    with services.rabbitmq_broker() as broker:
        url = make_url(broker["broker_url"])
        with Proxy(url.port or 5672) as proxy:
            through = url.set(port=proxy.port).render_as_string(hide_password=False)
            broker = {**broker, "broker_url": through}
            with the_midst_of_tasks(database, broker, slow_apns, tmp_path) as (stage, audience):
                assert audience.pending
                taken = proxy.taken
                with proxy.refusing():
                    assert until(lambda: "onnection to broker lost" in stage.output, 20)
                    time.sleep(AWAY)  # who is away is away for a while
                assert until(lambda: proxy.taken > taken, 20), stage.output


def test_a_broker_that_is_gone_while_the_stream_ends(
    own_redis: Server, database: str, slow_apns: LocalApns, tmp_path: Path
) -> None:
    stage = Stage(database, a_broker(own_redis.port), slow_apns, tmp_path)
    app = stage.host()
    storage = installed_on(app).storage
    storage.purge(float("inf"))
    audience = Audience(storage, slow_apns)
    # No beat yet: a sweep that is under way when the broker goes would find them by itself.
    with contextlib.closing(stage), stage.worker() as worker:
        audience.gather(100)
        own_redis.stop()
        assert until(lambda: "onnection to broker lost" in stage.output, 20), stage.output
        assert notify(app).queued
        time.sleep(AWAY)  # nothing may be sent meanwhile
        assert audience.pending == 100
        assert not slow_apns.received
        own_redis.start()
        with stage.beat():
            wait_under_a_supervisor(stage, audience, worker)
        audience.check()


def test_a_process_of_the_worker_that_is_killed(
    own_redis: Server, database: str, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """As the kernel does it where there is no memory; Celery starts another."""
    broker = a_broker(own_redis.port)
    with the_midst_of_tasks(database, broker, slow_apns, tmp_path) as (stage, audience):
        slow_apns.delay(0.5)
        celery = stage.host().extensions["celery"]
        before = pool_of(celery)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: len(pool_of(celery) - before) == len(before), 30), stage.output
        assert audience.pending


def pool_of(celery: Celery) -> set[int]:
    """The processes in which the one worker's tasks run; its beat is another."""
    said = celery.control.inspect(timeout=10, limit=1).stats() or {}
    return {pid for stats in said.values() for pid in stats["pool"]["processes"]}
