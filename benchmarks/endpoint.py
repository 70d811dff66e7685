"""The endpoint under gunicorn, beside a view that somebody would write by hand."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from flask_jwt_extended import create_access_token
from hosts import STREAM, fill, make_host
from sink import free_port, wait_for

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on

HERE = Path(__file__).parent
PATH = "/api/v1/notifications/live-activity-sessions"
OTHER_STREAM = "65f000000000000000000002"
# A phone every so many seconds: a steady stream of registrations while a fan-out runs.
INTERVAL = 0.02
# How many are told by another process: what the machine's cores alone make of a registration.
ELSEWHERE = 200_000


def make_ours() -> Flask:
    """What gunicorn loads: the extension's endpoint."""
    app = make_host(**json.loads(os.environ["BENCH_HOST"]))

    @app.post("/notify/<stream_id>")
    def notify(stream_id: str) -> str:
        notify_stream_state(stream_id, "ready")
        return ""

    @app.get("/told")
    def told() -> str:
        # Not a count, which goes through the audience and would be in the way of what is measured.
        return str(installed_on(app).storage.sessions.next_due(STREAM, 1) is None)

    return app


@contextlib.contextmanager
def served(factory: str, core: int | None = None, **host: Any) -> Iterator[int]:
    """The port of a gunicorn with one process of four threads."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", "4", "--log-level",
        "error", "--keep-alive", "60", "--no-control-socket", "--bind", f"127.0.0.1:{port}",
        factory,
    ]  # fmt: skip
    server = subprocess.Popen(
        command,
        cwd=HERE,
        env={**os.environ, "BENCH_HOST": json.dumps(host)},
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def registered(factory: str, storage_uri: str, count: int) -> dict[str, float]:
    """Registrations a second, of four phones at a time that keep their connections."""
    cores = sorted(os.sched_getaffinity(0))
    with served(factory, cores[0], storage_uri=storage_uri) as port:
        os.sched_setaffinity(0, {cores[-1]})
        token = _bearer(storage_uri)
        _register_many(port, token, 100)
        began = time.perf_counter()
        phones = [
            threading.Thread(target=_register_many, args=(port, token, count // 4))
            for _ in range(4)
        ]
        for phone in phones:
            phone.start()
        for phone in phones:
            phone.join()
        seconds = time.perf_counter() - began
    return {"per_second": count // 4 * 4 / seconds}


def disturbed(
    storage_uri: str, other_uri: str, url: str, ca: str, audience: int
) -> dict[str, float]:
    """How long a registration takes while nothing else is done, while another process tells an
    audience in another database, and while the same process does; milliseconds."""
    app = make_host(storage_uri)
    installation = installed_on(app)
    fill(installation, audience)
    _fill_another(other_uri)
    host = {"storage_uri": storage_uri, "url": url, "ca": ca, "LIVE_ACTIVITY_DELIVERY": "thread"}
    with served("endpoint:make_ours()", **host) as port:
        token = _bearer(storage_uri)
        _register_many(port, token, 50)
        quiet = _steadily(port, token, lambda: False, 15.0)
        with _telling(other_uri, url, ca) as elsewhere:
            beside = _steadily(port, token, lambda: elsewhere.poll() is not None, 60.0)
        call(port, "POST", f"/notify/{STREAM}", token)
        began = time.perf_counter()
        time.sleep(1.0)
        over = threading.Event()

        def watch() -> None:
            while call(port, "GET", "/told", token) == "False":
                time.sleep(1.0)
            over.set()

        threading.Thread(target=watch, daemon=True).start()
        busy = _steadily(port, token, over.is_set, 60.0)
        seconds = time.perf_counter() - began
        told = audience - installation.storage.counts(time.time(), STREAM).pending
    installation.close()
    return {
        "quiet_p50": _percentile(quiet, 50),
        "quiet_p99": _percentile(quiet, 99),
        "elsewhere_p99": _percentile(beside, 99),
        "busy_p50": _percentile(busy, 50),
        "busy_p99": _percentile(busy, 99),
        "told_per_second": told / seconds,
        "registrations": len(busy),
    }


def _fill_another(storage_uri: str) -> None:
    app = make_host(storage_uri)
    fill(installed_on(app), ELSEWHERE)
    installed_on(app).close()


@contextlib.contextmanager
def _telling(storage_uri: str, url: str, ca: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that tells an audience, and has begun."""
    given = {"storage_uri": storage_uri, "url": url, "ca": ca, "count": ELSEWHERE}
    command = [sys.executable, str(HERE / "measure.py"), "audience", "told", json.dumps(given)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        yield process
    finally:
        process.wait()


def _percentile(seconds: list[float], percent: int) -> float:
    return 1000 * statistics.quantiles(seconds, n=100)[percent - 1]


def _steadily(port: int, token: str, over: Any, longest: float) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    taken = []
    until = time.perf_counter() + longest
    due = time.perf_counter()
    while not over() and time.perf_counter() < until:
        began = time.perf_counter()
        _register(connection, token)
        taken.append(time.perf_counter() - began)
        due = max(due + INTERVAL, time.perf_counter() - 1.0)
        time.sleep(max(0.0, due - time.perf_counter()))
    connection.close()
    return taken


def _register_many(port: int, token: str, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(count):
        _register(connection, token)
    connection.close()


def _register(connection: http.client.HTTPConnection, token: str) -> None:
    name = uuid.uuid4().hex
    body = json.dumps(
        {
            "streamId": OTHER_STREAM,
            "deviceId": "iphone-15-pro-max",
            "liveActivityToken": name,
            "activityId": name,
        }
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", PATH, body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


def call(port: int, method: str, path: str, token: str) -> str:
    """Ask the host for something of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def _bearer(storage_uri: str) -> str:
    app = make_host(storage_uri)
    installed_on(app).storage.prepare()
    installed_on(app).close()
    with app.app_context():
        return create_access_token("alice", expires_delta=False)


MEASURES = {"registered": registered, "disturbed": disturbed}
