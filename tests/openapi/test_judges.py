"""Others' judgement: schemathesis calls the running host, linters read the document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blueprint.host import Host
from nodejs import install

import example_app
from flask_allmine_liveactivity.openapi import openapi_document

from .conftest import SERVERS
from .served import Served, listening

SPECTRAL, REDOCLY = "@stoplight/spectral-cli@6.16.3", "@redocly/cli@2.77.0"
# Calls of each kind; all checks are on.
EXAMPLES = "150"


def schemathesis(folder: Path, url: str, access_token: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        *(str(program), "run", f"{url}/reference/openapi.json", "--checks", "all", "--no-color"),
        *("--header", f"Authorization: Bearer {access_token}"),
        *("--max-examples", EXAMPLES, "--seed", "1"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)


def test_schemathesis_finds_nothing(served_host: Served, tmp_path: Path) -> None:
    done = schemathesis(tmp_path, served_host.url, served_host.access_token)
    assert done.returncode == 0, done.stdout[-6000:]
    assert served_host.host.sessions() != [], "it has registered nothing"


def test_schemathesis_finds_nothing_at_the_example(tmp_path: Path) -> None:
    config = {
        "LIVE_ACTIVITY_API_REFERENCE": "/reference",
        "LIVE_ACTIVITY_DELIVERY": "inline",
        "LIVE_ACTIVITY_PUSH": "memory",
    }
    app = example_app.create_app(config, instance_path=str(tmp_path / "instance"))
    ada = {"username": "ada", "password": "lovelace"}
    login = app.test_client().post("/api/v1/login", json=ada).get_json()
    with listening(app) as url:
        done = schemathesis(tmp_path, url, login["accessToken"])
    app.extensions["live_activity"].close()
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.fixture
def description(make_host: Callable[..., Host], tmp_path: Path) -> Path:
    host = make_host(LIVE_ACTIVITY_API_SERVERS=SERVERS)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(openapi_document(host.app)))
    return file


def test_spectral_has_no_error(description: Path) -> None:
    programs = install(description.parent, SPECTRAL)
    (description.parent / ".spectral.yaml").write_text("extends: ['spectral:oas']\n")
    done = subprocess.run(
        [str(programs / "spectral"), "lint", str(description), "--fail-severity", "error"],
        cwd=description.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_redocly_has_no_error(description: Path) -> None:
    programs = install(description.parent, REDOCLY)
    done = subprocess.run(
        [str(programs / "redocly"), "lint", str(description), "--extends", "recommended"],
        cwd=description.parent,
        env={
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
            "REDOCLY_TELEMETRY": "off",
            "HOME": str(description.parent),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
