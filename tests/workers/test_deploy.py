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


FILES = ("compose.yaml", "compose.worker.yaml")


def compose(file: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((DEPLOY / file).read_text())
    return made


def of_the_image(instruction: str) -> list[str]:
    """The command of a ``CMD``, or of a ``HEALTHCHECK``."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    (line,) = re.findall(rf"^{instruction}\b.*?(\[.*\])$", text, re.MULTILINE)
    command: list[str] = json.loads(line)
    return command


def command_of(service: dict[str, Any]) -> list[str]:
    said = service.get("command")
    return shlex.split(said) if said else of_the_image("CMD")


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
    if "FLASK_CELERY" in environ:
        celery = json.loads(environ["FLASK_CELERY"])
        assert celery["broker_url"] == "redis://broker/0"
        environ["FLASK_CELERY"] = json.dumps({**celery, **broker})
    return environ


class Installation:
    """The processes of the compose file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def running(self, name: str, command: list[str], environ: dict[str, str]) -> Iterator[None]:
        program, *arguments = command
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

    def runs_once(self, command: list[str], environ: dict[str, str]) -> int:
        """Its exit status, as a container's health check sees it."""
        program, *arguments = command
        python = [sys.executable] if program == "python" else [sys.executable, "-m", program]
        return subprocess.run(
            [*python, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environ},
            capture_output=True,
            timeout=60,
        ).returncode

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


READY = {
    "compose.yaml": {"worker": " ready.", "beat": "beat: Starting"},
    "compose.worker.yaml": {"worker": "Delivering."},
}


@pytest.mark.parametrize("file", FILES)
def test_the_installation_tells_a_phone(file: str, tmp_path: Path) -> None:
    services_of = compose(file)["services"]
    # The host's own database is in its instance folder, which is beside its code.
    (tmp_path / "example_app").symlink_to(ROOT / "example_app")
    made = Installation(tmp_path)
    port = free_port()

    def here(command: list[str]) -> list[str]:
        on_this_machine = {
            "0.0.0.0:8000": f"127.0.0.1:{port}",
            "127.0.0.1:8000": f"127.0.0.1:{port}",
            "/tmp/schedule": str(tmp_path / "schedule"),
            "$$HOSTNAME": socket.gethostname(),
        }
        for there, instead in on_this_machine.items():
            command = [word.replace(there, instead) for word in command]
        return command

    with (
        services.postgresql() as database,
        services.redis_broker() as broker,
        contextlib.ExitStack() as processes,
    ):
        environs = {
            name: environment_of(service, database, broker)
            for name, service in services_of.items()
            if "build" in service
        }
        for name, environ in environs.items():
            command = here(command_of(services_of[name]))
            processes.enter_context(made.running(name, command, environ))
        url = f"http://127.0.0.1:{port}/api/v1"
        assert until(lambda: services.listens(port), 60), made.said("web")
        for name, words in READY[file].items():
            assert until(lambda name=name, words=words: words in made.said(name), 60), made.said(  # type: ignore[misc]
                name
            )

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
        assert until(lambda: '"event":"end"' in made.said("worker")), made.said("worker")
        if "beat" in environs:
            assert until(lambda: "flask_allmine_liveactivity.sweep" in made.said("worker"), 60), (
                made.said("beat")
            )

        for name, environ in environs.items():
            healthy = services_of[name].get("healthcheck", {})
            if not healthy.get("disable"):
                test = shlex.split(healthy["test"]) if healthy else of_the_image("HEALTHCHECK")
                assert made.runs_once(here(test), environ) == 0, name


def test_the_health_check_of_the_image_fails_without_a_server(tmp_path: Path) -> None:
    command = of_the_image("HEALTHCHECK")
    code = command[-1].replace("8000", str(free_port()))
    assert Installation(tmp_path).runs_once([*command[:-1], code], {}) == 1


def copied() -> list[str]:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    return [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]


def test_what_the_image_copies_is_there() -> None:
    assert copied()
    assert all((ROOT / name).exists() for name in copied())


def test_the_build_is_sent_what_the_image_copies_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())


@pytest.mark.parametrize("file", FILES)
def test_every_service_has_what_it_depends_on(file: str) -> None:
    whole = compose(file)
    services_named = set(whole["services"])
    for service in whole["services"].values():
        assert set(service.get("depends_on", {})) <= services_named
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in whole["volumes"]


def test_without_celery_no_broker_is_needed() -> None:
    whole = compose("compose.worker.yaml")
    assert set(whole["services"]) == {"web", "worker", "database"}
    assert "CELERY" not in json.dumps(whole).upper()


def test_both_files_know_the_same_places_for_apples_settings() -> None:
    places = [
        re.findall(r"^ +# (FLASK_LIVE_ACTIVITY_APNS_\w+): ", (DEPLOY / file).read_text(), re.M)
        for file in FILES
    ]
    assert places[0] == places[1]
    assert len(places[0]) == 5
