"""Several workers on one stream, and a small stream beside a large one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from hosts import STREAM, fill, make_host

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.app.installation import Installation, installed_on

HERE = Path(__file__).parent
SMALL = 10


def make_worker() -> Flask:
    """What a worker process loads."""
    return make_host(**json.loads(os.environ["BENCH_HOST"]))


@contextlib.contextmanager
def working(count: int, factory: str = "crowds:make_worker", **host: Any) -> Iterator[None]:
    """So many of ``flask live-activity worker``, which have begun to look."""
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "flask",
                "--app",
                factory,
                "live-activity",
                "worker",
            ],
            cwd=HERE,
            env={**os.environ, "BENCH_HOST": json.dumps(host)},
            stderr=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stderr is not None
            assert b"Delivering" in worker.stderr.readline()
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.communicate()


def shared(storage_uri: str, url: str, ca: str, count: int, workers: int) -> dict[str, float]:
    """How quickly so many workers tell one stream."""
    app = make_host(storage_uri)
    installation = installed_on(app)
    fill(installation, count)
    with working(workers, storage_uri=storage_uri, url=url, ca=ca), app.app_context():
        began = time.perf_counter()
        notify_stream_state(STREAM, "ready")
        wait_until_told(installation, STREAM)
        seconds = time.perf_counter() - began
    installation.close()
    return {"per_second": count / seconds}


def fair(storage_uri: str, url: str, ca: str, count: int, workers: int) -> dict[str, float]:
    """How long ten phones wait that are announced while a large stream is being told; seconds."""
    app = make_host(storage_uri)
    installation = installed_on(app)
    fill(installation, count)
    small = [f"{number:024x}" for number in range(8)]
    for stream in small:
        fill(installation, SMALL, stream)
    waited = []
    with working(workers, storage_uri=storage_uri, url=url, ca=ca), app.app_context():
        notify_stream_state(STREAM, "ready")
        time.sleep(2.0)
        for stream in small:
            began = time.perf_counter()
            notify_stream_state(stream, "ready")
            wait_until_told(installation, stream, 0.01)
            waited.append(time.perf_counter() - began)
        left = installation.storage.counts(time.time(), STREAM).pending
    installation.close()
    assert left, "the large stream was told before the small ones: make it larger"
    return {"longest_wait": max(waited), "left_of_the_large_one": left}


def wait_until_told(installation: Installation, stream: str, look: float = 0.05) -> None:
    """Return once nobody of a stream is to be told its first event any more."""
    # Not a count, which goes through the audience and would be in the way of what is measured.
    while installation.storage.sessions.next_due(stream, 1) is not None:
        time.sleep(look)


MEASURES = {"shared": shared, "fair": fair}
