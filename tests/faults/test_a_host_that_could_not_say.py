"""A host commits that a stream is over, and is killed before it could say so: all are told."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import services
from storage.opening import open_storage

from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage

from .audience import until
from .crowds import sqlite_in
from .nursery import NURSERY
from .processes import process, settings_of
from .truthful import commit_and_die, write

# Between two questions about a stream, in seconds.
INTERVAL = 1.0
STREAMS = 12
PHONES = 5


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    servers: dict[str, Callable[[], AbstractContextManager[str]]] = {
        "sqlite": lambda: contextlib.nullcontext(sqlite_in(tmp_path)),
        "postgresql": services.postgresql,
        "mongodb": services.mongodb,
    }
    with servers[request.param]() as found:
        yield found


def test_again_and_again(uri: str, tmp_path: Path) -> None:
    truth, output = tmp_path / "truth.db", tmp_path / "output"
    streams = [f"{number:024x}" for number in range(1, STREAMS + 1)]
    chance = random.Random(0)
    with (
        contextlib.closing(open_storage(uri)) as storage,
        LocalApns() as apns,
        contextlib.ExitStack() as workers,
    ):
        storage.prepare()
        config = settings_of(
            uri, apns.settings, TRUTH=str(truth), LIVE_ACTIVITY_CHECK_INTERVAL=INTERVAL
        )
        for stream_id in streams:
            write(truth, stream_id)
            follow(storage, stream_id)
        for _ in range(2):
            workers.enter_context(a_truthful_worker(config, output))
        # Each has been asked about, and the phones show what the host says.
        assert until(lambda: told(apns, "update") == tokens(streams), 60), output.read_text()
        over, reopened = streams[::2], streams[1::2]
        for number, stream_id in enumerate(chance.sample(streams, STREAMS)):
            host = NURSERY.Process(
                target=commit_and_die,
                args=(config, stream_id, "cancelled"),
                kwargs={"in_writing": bool(number % 2)},
            )
            host.start()
            host.join(60)
            assert host.exitcode == -signal.SIGKILL
            if stream_id in reopened:
                write(truth, stream_id)
        assert until(lambda: told(apns, "end") >= tokens(over), 60), output.read_text()
        # Whoever was to be ended of the others would be by now.
        time.sleep(3 * INTERVAL)
        assert told(apns, "end") == tokens(over)
        rows = [storage.streams.read(stream_id) for stream_id in over]
        assert {row.source for row in rows if row is not None} == {"found"}


def follow(storage: Storage, stream_id: str) -> None:
    for token in sorted(tokens([stream_id])):
        claimant = Claimant(
            user_id=token, device_id=token, activity_id=token, stream_id=stream_id, token=token
        )
        now = time.time()
        register(
            storage, claimant, now=now, lifetime=3600, max_per_user=None, ask_at=now + INTERVAL
        )


def tokens(streams: list[str]) -> set[str]:
    return {f"{stream_id}{number:0136x}" for stream_id in streams for number in range(PHONES)}


def told(apns: LocalApns, event: str) -> set[str]:
    """Who was told so."""
    return {each.token for each in apns.accepted if each.payload["aps"]["event"] == event}


@contextlib.contextmanager
def a_truthful_worker(config: dict[str, Any], output: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "flask", "--app", "faults.truthful:make_truthful"]
    with process(*command, "live-activity", "worker", config=config, output=output):
        yield
