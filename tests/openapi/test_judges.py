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

from flask_allmine_liveactivity.openapi import openapi_document

from .conftest import SERVERS
from .served import Served

SPECTRAL, REDOCLY = "@stoplight/spectral-cli@6.16.3", "@redocly/cli@2.77.0"
# Calls of each kind; all checks are on.
EXAMPLES = "150"


def test_schemathesis_finds_nothing(served_host: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{served_host.url}/reference/openapi.json",
            "--header",
            f"Authorization: Bearer {served_host.access_token}",
            "--checks",
            "all",
            "--max-examples",
            EXAMPLES,
            "--seed",
            "1",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert served_host.host.sessions() != [], "it has registered nothing"


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
