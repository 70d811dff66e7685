"""A database, a local APNs and a broker, and the processes of a host around them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flask import Flask

from flask_allmine_liveactivity import DeliveryReport, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.model import Session, SessionStatus, StreamState
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .host import make_host

TESTS = Path(__file__).parents[1]
STREAM = "65f000000000000000000001"


def until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until `condition` holds; ``False`` where it never did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


class Stage:
    """Makes hosts and workers that share a storage, a broker and a local APNs.

    Args:
        storage_uri: Of a database that several processes can use.
        broker: Celery's settings of the broker.
        apns: Where pushes go.
        folder: For what processes say.
    """

    def __init__(
        self, storage_uri: str, broker: dict[str, Any], apns: LocalApns, folder: Path
    ) -> None:
        self.apns = apns
        self.folder = folder
        self.broker = broker
        self.config: dict[str, Any] = {
            "CELERY": broker,
            "LIVE_ACTIVITY_STORAGE_URI": storage_uri,
            "LIVE_ACTIVITY_SWEEP_INTERVAL": 1.0,
            "LIVE_ACTIVITY_LEASE": 2.0,
            **apns.settings,
        }
        self._hosts: list[Flask] = []

    def host(self, **config: Any) -> Flask:
        """The host in this process: it serves requests, and sends messages."""
        app = make_host({**self.config, **config}, flask_task=True)
        installed_on(app).storage.prepare()
        self._hosts.append(app)
        return app

    def close(self) -> None:
        for app in self._hosts:
            installed_on(app).close()

    @contextmanager
    def worker(self, *arguments: str, **made: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker, ready for tasks; `made` is for ``make_host``."""
        name = uuid.uuid4().hex
        with self.process(
            "-m", "celery", "-A", "workers.host", "worker", "--loglevel", "INFO",
            "--concurrency", "2", "--without-gossip", "--without-mingle",
            "--hostname", f"{name}@%h", "--schedule", str(self.folder / name), *arguments,
            **made,
        ) as process:  # fmt: skip
            assert until(lambda: f"{name}@" in self.output and " ready." in self.output, 60), (
                self.output
            )
            yield process

    @contextmanager
    def beat(self) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery beat in a process of its own."""
        schedule = str(self.folder / uuid.uuid4().hex)
        arguments = ("-m", "celery", "-A", "workers.host", "beat", "--schedule", schedule)
        with self.process(*arguments) as process:
            yield process

    @contextmanager
    def process(
        self, *arguments: str, flask_task: bool = True, late_schedule: bool = False, **config: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """``python`` with these arguments, where ``workers.host`` can be imported."""
        host = {
            "config": {**self.config, **config},
            "flask_task": flask_task,
            "late_schedule": late_schedule,
        }
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        environ = {**os.environ, "PYTHONPATH": path, "HOST_CONFIG": json.dumps(host)}
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            # The beat is a process of its own, and would go on for ever.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    @property
    def output(self) -> str:
        """All that the processes have said."""
        return (self.folder / "output").read_text()


# --- what phones and host do ----------------------------------------------------------------------


def register_phones(app: Flask, count: int, stream: str = STREAM) -> list[str]:
    """Register so many running activities; their tokens."""
    tokens = [f"{stream}{number:0136x}" for number in range(count)]
    for token in tokens:
        now = time.time()
        answer = register(
            installed_on(app).storage,
            Claimant(
                user_id="alice",
                device_id=token,
                activity_id=token,
                stream_id=stream,
                token=token,
            ),
            now=now,
            lifetime=12 * 3600.0,
            max_per_user=None,
            ask_at=installed_on(app).next_question(now),
        )
        assert answer is Answer.REGISTERED
    return tokens


def notify(app: Flask, state: str = "ready", stream: str = STREAM) -> DeliveryReport:
    with app.app_context():
        return notify_stream_state(stream, state)


def announce_silently(app: Flask, stream: str = STREAM) -> None:
    """Store an end, and send no message: as if it had been lost."""
    now = time.time()
    announcement = announcement_of_end(
        stream,
        StreamState.READY,
        now=now,
        ttl=24 * 3600.0,
        content_state=None,
        alert=None,
        dismiss_after=0.0,
    )
    installed_on(app).storage.streams.announce(announcement, now)


# --- what became of it ----------------------------------------------------------------------------


def sessions(app: Flask) -> list[Session]:
    return installed_on(app).storage.sessions.page(limit=100_000)


def all_told(app: Flask) -> bool:
    counts = installed_on(app).storage.counts(time.time())
    return not counts.pending and {row.status for row in sessions(app)} == {SessionStatus.ENDED}
