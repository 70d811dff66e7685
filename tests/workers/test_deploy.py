"""What ``deploy`` shows works: its commands are run here, with its settings, without containers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services
import yaml
from sqlalchemy.engine import make_url

from .stage import until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return made


def environment_of(
    service: dict[str, Any], database: str, broker: dict[str, Any]
) -> dict[str, str]:
    """A service's, with the servers of the tests in place of the containers."""
    environ = {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
        for name, value in service["environment"].items()
    }
    uri = make_url(environ["FLASK_LIVE_ACTIVITY_STORAGE_URI"])
    here = make_url(database)
    assert (uri.drivername, uri.host) == (here.drivername, "database")
    environ["FLASK_LIVE_ACTIVITY_STORAGE_URI"] = database
    celery = json.loads(environ["FLASK_CELERY"])
    assert celery["broker_url"] == "redis://broker/0"
    environ["FLASK_CELERY"] = json.dumps({**celery, **broker})
    return environ


class Installation:
    """The processes of the compose file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def running(self, name: str, command: str, environ: dict[str, str]) -> Iterator[None]:
        program, *arguments = shlex.split(command)
        with (self.folder / name).open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(self.folder), **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(40)

    def said(self, name: str) -> str:
        return (self.folder / name).read_text()


def call(url: str, body: object = None, token: str = "") -> Any:
    request = urllib.request.Request(
        url,
        data=json.dumps(body or {}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_installation_tells_a_phone(compose: dict[str, Any], tmp_path: Path) -> None:
    # The host's own database is in its instance folder, which is beside its code.
    (tmp_path / "example_app").symlink_to(ROOT / "example_app")
    made = Installation(tmp_path)
    port = free_port()
    with (
        services.postgresql() as database,
        services.redis_broker() as broker,
        contextlib.ExitStack() as processes,
    ):
        for name in ("web", "worker", "beat"):
            service = compose["services"][name]
            environ = environment_of(service, database, broker)
            command = service["command"].replace("0.0.0.0:8000", f"127.0.0.1:{port}")
            command = command.replace("/tmp/schedule", str(tmp_path / "schedule"))
            processes.enter_context(made.running(name, command, environ))
        url = f"http://127.0.0.1:{port}/api/v1"
        assert until(lambda: services.listens(port), 60), made.said("web")
        assert until(lambda: " ready." in made.said("worker"), 60), made.said("worker")

        token = call(f"{url}/login", {"username": "ada", "password": "lovelace"})["accessToken"]
        stream = call(f"{url}/streams", {"title": "Ask me anything"}, token)["streamId"]
        call(
            f"{url}/notifications/live-activity-sessions",
            {
                "streamId": stream,
                "deviceId": "iphone-15-pro-max",
                "liveActivityToken": "live_activity_runtime_token",
                "activityId": "live-activity-123",
            },
            token,
        )
        call(f"{url}/streams/{stream}/cancel", None, token)
        assert until(lambda: "delivered 1" in made.said("worker")), made.said("worker")
        assert until(lambda: "live_activity.sweep" in made.said("worker"), 60), made.said("beat")


def test_what_the_image_copies_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)


def test_every_service_has_what_it_depends_on(compose: dict[str, Any]) -> None:
    services_named = set(compose["services"])
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= services_named
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
