"""A worker process, and in this one a host that shares its storage."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from extension.apps import STREAM, installation, make_app

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns

HOST = """
import os, sys
if without := os.environ.get("WITHOUT"):
    sys.modules[without] = None
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_allmine_liveactivity import LiveActivity

def create_app():
    app = Flask("host", instance_path=os.environ["INSTANCE"])
    app.config.update(
        JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_DELIVERY="worker",
    )
    app.config.from_prefixed_env()
    JWTManager(app)
    LiveActivity(app)
    if "MEASURES_ITSELF" in os.environ:
        from flask_allmine_liveactivity.observability.prometheus import measure
        measure(app)
    return app
"""


class Worker:
    """A worker that runs.

    Args:
        folder: With the database, and the file that it writes to.
    """

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output"
        self._app = make_app(
            LIVE_ACTIVITY_STORAGE_URI=_database(folder), LIVE_ACTIVITY_DELIVERY="worker"
        )

    @property
    def said(self) -> str:
        return self._output.read_text()

    @property
    def metrics(self) -> str:
        """The URL at which it serves them."""
        found = re.search(r"Metrics are at (\S+)\.$", self.said, re.MULTILINE)
        assert found is not None, self.said
        return found.group(1)

    def phones(self, count: int) -> list[str]:
        """So many register; their tokens."""
        tokens = [f"{number:064x}" for number in range(1, count + 1)]
        for token in tokens:
            register(
                installation(self._app).storage,
                Claimant(
                    user_id=token,
                    device_id=token,
                    activity_id=token,
                    stream_id=STREAM,
                    token=token,
                ),
                now=time.time(),
                lifetime=12 * 3600.0,
                max_per_user=None,
            )
        return tokens

    def end(self) -> None:
        with self._app.app_context():
            notify_stream_state(STREAM, "ready")

    def close(self) -> None:
        installation(self._app).close()


@contextlib.contextmanager
def working(
    folder: Path, apns: LocalApns, *options: str, without: str = "", measures_itself: bool = False
) -> Iterator[Worker]:
    """A worker until the block ends."""
    environ = _environ(folder, apns, without)
    if measures_itself:
        environ["MEASURES_ITSELF"] = "1"
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            _command(*options), env=environ, stdout=output, stderr=subprocess.STDOUT
        )
    worker = Worker(folder)
    try:
        until = time.monotonic() + 30
        while "Delivering." not in worker.said:
            assert process.poll() is None, worker.said
            assert time.monotonic() < until, worker.said
            time.sleep(0.05)
        yield worker
        process.terminate()
        assert process.wait(20) == 0, worker.said
    finally:
        process.kill()
        process.wait()
        worker.close()


def run_worker(
    folder: Path, apns: LocalApns, *options: str, without: str = ""
) -> subprocess.CompletedProcess[str]:
    """A worker that is expected to end by itself."""
    return subprocess.run(
        _command(*options),
        env=_environ(folder, apns, without),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _command(*options: str) -> list[str]:
    app = ("-m", "flask", "--app", "measured_host:create_app")
    return [sys.executable, *app, "live-activity", "worker", *options]


def _database(folder: Path) -> str:
    return f"sqlite:///{folder}/live_activity.db"


def _environ(folder: Path, apns: LocalApns, without: str) -> dict[str, str]:
    (folder / "measured_host.py").write_text(HOST)
    settings = {**apns.settings, "LIVE_ACTIVITY_STORAGE_URI": _database(folder)}
    return {
        **os.environ,
        **{f"FLASK_{name}": value for name, value in settings.items()},
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "INSTANCE": str(folder / "instance"),
        "WITHOUT": without,
    }
