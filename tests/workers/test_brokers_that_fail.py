"""A broker that is down, mute or restarted never fails a notification, and loses nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import services

from flask_allmine_liveactivity.app.installation import installed_on

from .stage import STREAM, Stage, all_told, notify, register_phones, until


@contextmanager
def a_port(*, mute: bool) -> Iterator[int]:
    """A port at which nobody answers: nobody is there, or one who accepts and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if mute:
            listener.listen(16)
        yield listener.getsockname()[1]


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> dict[int, set[threading.Thread]]:
    """By port, the threads that have called there."""
    called: dict[int, set[threading.Thread]] = defaultdict(set)
    connect = socket.socket.connect

    def note(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET:
            called[address[1]].add(threading.current_thread())
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return called


@pytest.mark.parametrize("mute", [False, True], ids=["closed", "mute"])
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_does_not_answer_keeps_no_notification_waiting(
    stage: Stage, scheme: str, mute: bool, callers: dict[int, set[threading.Thread]]
) -> None:
    with a_port(mute=mute) as port:
        url = f"{scheme}://alice:hunter2@127.0.0.1:{port}/0"
        app = stage.host(CELERY={"broker_url": url})
        register_phones(app, 3)
        report = notify(app)
        assert until(lambda: callers[port])
        assert threading.current_thread() not in callers[port]
    assert report.queued
    assert installed_on(app).storage.counts(time.time(), STREAM).pending == 3
    with stage.worker("--beat"):  # on a broker that works
        assert until(lambda: all_told(app)), stage.output


SCRIPT = """
from workers.host import flask_app
from flask_allmine_liveactivity import notify_stream_state
with flask_app.app_context():
    notify_stream_state("65f000000000000000000001", "ready")
"""


@pytest.mark.parametrize("mute", [False, True], ids=["closed", "mute"])
def test_a_process_ends_though_its_broker_does_not_answer(stage: Stage, mute: bool) -> None:
    with a_port(mute=mute) as port:
        url = f"redis://alice:hunter2@127.0.0.1:{port}/0"
        with stage.process("-c", SCRIPT, CELERY={"broker_url": url}) as script:
            assert script.wait(30) == 0, stage.output
    assert "hunter2" not in stage.output
    assert "Traceback" not in stage.output


def test_a_process_that_ends_at_once_has_sent_its_message(stage: Stage) -> None:
    app = stage.host()
    register_phones(app, 3)
    with stage.worker():
        with stage.process("-c", SCRIPT) as script:
            assert script.wait(30) == 0, stage.output
        assert until(lambda: all_told(app)), stage.output


@contextmanager
def a_redis(port: int, folder: Path) -> Iterator[None]:
    """A Redis of our own, which may be stopped."""
    services.require(
        shutil.which("redis-server") is not None, "redis-server", "Install the package of that name"
    )
    with subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            assert until(lambda: services.listens(port))
            yield
        finally:
            process.kill()


def test_a_broker_that_is_restarted_and_has_forgotten_everything(
    stage: Stage, tmp_path: Path
) -> None:
    with a_port(mute=False) as port:
        pass
    stage.config["CELERY"] = {
        "broker_url": f"redis://127.0.0.1:{port}/0",
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }
    app = stage.host()
    register_phones(app, 3)
    with a_redis(port, tmp_path):
        notify(app)  # nobody is there yet to take the message, and it is lost
        installed_on(app).close()
    with a_redis(port, tmp_path), stage.worker("--beat"):
        assert until(lambda: all_told(app)), stage.output


def test_a_message_waits_for_a_broker_that_comes_back(stage: Stage, tmp_path: Path) -> None:
    with a_port(mute=False) as port:
        pass
    stage.config["CELERY"] = {"broker_url": f"redis://127.0.0.1:{port}/0"}
    app = stage.host()
    register_phones(app, 3)
    notify(app)
    with a_redis(port, tmp_path), stage.worker():  # no beat: only the message brings it
        assert until(lambda: all_told(app)), stage.output
