"""``forget`` asks a person first; where there is none, it refuses."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from extension.apps import BODY, Elsewhere, installation, register
from flask import Flask


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


@pytest.fixture
def app(elsewhere: Elsewhere) -> Iterator[Flask]:
    """A host of which ada is a user."""
    made = elsewhere.app()
    register(made, "ada")
    yield made
    installation(made).close()


def owners(app: Flask) -> list[str | None]:
    return [session.user_id for session in installation(app).storage.sessions.page()]


def forget(elsewhere: Elsewhere, *options: str, stdin: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "live-activity", "forget", "ada", *options],
        cwd=elsewhere.folder,
        env=elsewhere.environ,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_terminal_it_refuses(app: Flask, elsewhere: Elsewhere) -> None:
    done = forget(elsewhere, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("Error: Nobody can be asked without a terminal. Say --yes to go on.\n")
    assert owners(app) == ["ada"]


def test_an_answer_from_a_pipe_is_nobodys(app: Flask, elsewhere: Elsewhere) -> None:
    read, write = os.pipe()
    os.write(write, b"y\n")
    os.close(write)
    done = forget(elsewhere, stdin=read)
    os.close(read)
    assert done.returncode == 1
    assert owners(app) == ["ada"]


def test_with_yes_it_needs_no_terminal(app: Flask, elsewhere: Elsewhere) -> None:
    done = forget(elsewhere, "--yes", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "1 sessions forgotten.\n")
    assert owners(app) == [None]


@pytest.mark.parametrize(("answer", "left"), [("n", "ada"), ("y", None)])
def test_at_a_terminal_it_does_as_it_is_answered(
    app: Flask, elsewhere: Elsewhere, answer: str, left: str | None
) -> None:
    ours, its = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = forget(elsewhere, stdin=its)
    os.close(ours)
    os.close(its)
    assert "Erase this user's sessions?" in done.stdout
    assert done.returncode == (0 if left is None else 1)
    assert owners(app) == [left]


@pytest.mark.parametrize(
    "arguments",
    [
        ("end", BODY["streamId"], "ready"),
        ("reopen", BODY["streamId"]),
        ("release", "ada", BODY["deviceId"]),
        ("purge",),
        ("resend",),
        ("deliver",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_erases_nobody_needs_no_terminal(app: Flask, arguments: tuple[str, ...]) -> None:
    """They are for scripts and cron, and do what is named."""
    done = app.test_cli_runner().invoke(args=["live-activity", *arguments])
    assert done.exit_code == 0, done.output
    assert len(owners(app)) == 1
