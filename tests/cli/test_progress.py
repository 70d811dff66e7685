"""``end`` and ``deliver`` show people at a terminal how far they are, and nobody else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from extension.apps import STREAM, Elsewhere, installation, register


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    """A host with two phones."""
    made = Elsewhere(tmp_path)
    app = made.app()
    for name in "ab":
        register(app, activityId=name, liveActivityToken=name)
    installation(app).close()
    return made


def at_a_terminal(elsewhere: Elsewhere, *arguments: str) -> str:
    """What a command writes to stderr there."""
    ours, its = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "flask", "live-activity", *arguments],
        cwd=elsewhere.folder,
        env=elsewhere.environ,
        stdout=subprocess.DEVNULL,
        stderr=its,
        timeout=60,
        check=False,
    )
    os.write(its, b"\n<end>\n")
    os.close(its)
    said = b""
    while b"<end>" not in said:
        said += os.read(ours, 4096)
    os.close(ours)
    return said.decode()


def test_a_bar_runs_from_nobody_to_all(elsewhere: Elsewhere) -> None:
    said = at_a_terminal(elsewhere, "end", STREAM, "ready")
    assert "Telling" in said
    assert [each for each in ("  0%", " 50%", "100%") if each not in said] == []
    assert len(elsewhere.told) == 2


def test_deliver_shows_it_too(elsewhere: Elsewhere) -> None:
    assert "Telling" in at_a_terminal(elsewhere, "deliver")


@pytest.mark.parametrize(
    "arguments", [("end", "nothing", "ready"), ("deliver", "--json")], ids=["error", "json"]
)
def test_there_is_none_for_an_error_or_for_programs(
    elsewhere: Elsewhere, arguments: tuple[str, ...]
) -> None:
    assert "Telling" not in at_a_terminal(elsewhere, *arguments)
