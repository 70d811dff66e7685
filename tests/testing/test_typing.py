"""``mypy --strict`` is content with those who use the package's testing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USER = """
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from flask_allmine_liveactivity import MemoryPush, MemoryStorage, PushBackend, Storage, Verdict
from flask_allmine_liveactivity.testing import (
    Delivered, Outbox, ProcessConcurrency, PushContract, PushVerdicts, SentPush, StorageContract,
    ThreadConcurrency, capture_pushes, deliver_now,
)


class TestMyStorage(StorageContract, ThreadConcurrency, ProcessConcurrency):
    phones = 10

    @pytest.fixture
    def reopen(self) -> Callable[[], Storage]:
        return partial(MemoryStorage)

    @pytest.fixture
    def storage(self, reopen: Callable[[], Storage]) -> Iterator[Storage]:
        yield reopen()


class TestMyPush(PushContract, PushVerdicts):
    most_in_flight = 1

    @pytest.fixture
    def push(self) -> PushBackend:
        return MemoryPush()

    @pytest.fixture
    def answer(self) -> Callable[[str, Verdict], None]:
        return lambda token, verdict: None


def test_cancelling(app: Flask, live_activity_outbox: Outbox) -> None:
    with capture_pushes(app) as outbox:
        token: str = outbox.register("65f000000000000000000001", user_id=7)
        outbox.answer(token, "gone", gone_since=1.0)
        outbox.answer_always(token, Verdict.RETRY)
    done: Delivered = deliver_now(app, timedelta(minutes=1))
    pushes: list[SentPush] = outbox[1:]
    event: str = outbox[0].event
    assert (event, done.pending, outbox[0].content_state, pushes) == ("end", 0, None, [])
"""


def test_a_user_of_everything_is_typed_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="pip install mypy")
    (tmp_path / "test_mine.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "test_mine.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    ours = [line for line in done.stdout.splitlines() if "test_mine.py" in line]
    assert ours == [], done.stdout + done.stderr
    assert "Found 0 errors" in done.stdout or "Success" in done.stdout or done.returncode in (0, 1)
