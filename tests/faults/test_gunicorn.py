"""gunicorn: preloaded hosts that were used before the fork, killed workers, restarts, gevent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.simulator import LocalApns

from .audience import STREAM, STREAM_TO_COME, until
from .crowds import Crowd, a_crowd, free_port, sqlite_in
from .killing import BATCH, IN_FLIGHT, LEASE, UNSETTLED
from .processes import a_worker, process, threads

WORKERS = 3
# A lease that would show: nobody waits so long here.
LONG_LEASE = 120
# How long Apple takes for a push from the moment on at which workers are to end, in seconds: as
# long as before, or so long that what is in flight is not answered before they are gone.
APPLE_TAKES = (0.1, 1.0)


class Server:
    """gunicorn with a host that was used before the fork, where it is preloaded."""

    def __init__(self, running: subprocess.Popen[bytes], port: int) -> None:
        self.running = running
        self._url = f"http://127.0.0.1:{port}"

    @property
    def workers(self) -> set[int]:
        pid = self.running.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return {int(child) for child in children.split()}

    def get(self, path: str) -> str | None:
        """The answer; ``None`` where there is none."""
        return self._ask(urllib.request.Request(self._url + path))

    def end(self, stream: str) -> None:
        assert self._ask(urllib.request.Request(f"{self._url}/end/{stream}", method="POST")) == ""

    def _ask(self, request: urllib.request.Request) -> str | None:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return str(response.read().decode())
        except OSError:
            return None

    def wait_until_all_serve(self) -> set[int]:
        """Until each worker has answered a request, and so delivers; their ids."""
        served: set[str | None] = set()

        def all_serve() -> bool:
            served.add(self.get("/pid"))
            return len(self.workers) >= WORKERS and {str(pid) for pid in self.workers} <= served

        assert until(all_serve, 40), f"{self.workers}: only {served} serve"
        return self.workers


@contextmanager
def serving(crowd: Crowd, output: Path, *arguments: str, **config: object) -> Iterator[Server]:
    port = free_port()
    made = "make_used_host" if "--preload" in arguments else "make_served_host"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    with process(
        *command, "--no-control-socket", *arguments, f"faults.hosts:{made}()",
        config=crowd.config(LIVE_ACTIVITY_BATCH_SIZE=BATCH, **config), output=output,
    ) as running:  # fmt: skip
        server = Server(running, port)
        assert until(lambda: services.listens(port), 60), output.read_text()
        yield server


@contextmanager
def a_slow_crowd(uri: str, count: int) -> Iterator[Crowd]:
    with LocalApns(max_concurrent_streams=IN_FLIGHT) as apns, a_crowd(uri, apns, count) as crowd:
        apns.delay(0.1)
        yield crowd


PRELOADED = ("--preload", "-w", str(WORKERS), "--threads", "4")


def test_a_preloaded_worker_is_killed_in_the_midst_and_the_others_finish(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with (
        services.postgresql() as uri,
        a_slow_crowd(uri, 1000) as crowd,
        serving(
            crowd, output, *PRELOADED, LIVE_ACTIVITY_DELIVERY="thread", LIVE_ACTIVITY_LEASE=LEASE
        ) as server,
    ):
        workers = server.wait_until_all_serve()
        crowd.apns.clear()  # what was told before the fork
        server.end(STREAM)
        crowd.wait_for_pushes(200)
        os.kill(min(workers), signal.SIGKILL)
        crowd.apns.delay(0.02)
        crowd.wait_until_told()
        crowd.audience.check()
        assert crowd.doubled <= UNSETTLED
        survivors = server.wait_until_all_serve() & workers
        assert len(survivors) == WORKERS - 1
        server.end(STREAM_TO_COME)
        crowd.wait_until_the_other_stream_is_told()
        # Four that serve, one that delivers, the main one; none is left of the fan-out.
        assert until(lambda: max(map(threads, survivors)) <= 4 + 1 + 1, 10)


@pytest.mark.parametrize("apple_takes", APPLE_TAKES)
def test_a_graceful_restart_in_the_midst_gives_back_what_is_unsent(
    apple_takes: float, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with (
        a_slow_crowd(sqlite_in(tmp_path), 1600) as crowd,
        serving(
            crowd, output, *PRELOADED[1:], LIVE_ACTIVITY_DELIVERY="thread",
            LIVE_ACTIVITY_LEASE=LONG_LEASE,
        ) as server,
    ):  # fmt: skip
        before = server.wait_until_all_serve()
        server.end(STREAM)
        crowd.wait_for_pushes(200)
        crowd.apns.delay(apple_takes)
        server.running.send_signal(signal.SIGHUP)
        assert until(lambda: not before & server.workers, 60), output.read_text()
        assert crowd.audience.pending, "it was over before the restart"
        crowd.apns.delay(0)
        server.wait_until_all_serve()
        crowd.wait_until_told(LONG_LEASE / 2)
        crowd.audience.check()
        assert crowd.doubled == 0
        server.end(STREAM_TO_COME)
        crowd.wait_until_the_other_stream_is_told()


@pytest.mark.parametrize("apple_takes", APPLE_TAKES)
def test_a_server_that_is_stopped_in_the_midst_gives_back_what_is_unsent(
    apple_takes: float, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with a_slow_crowd(sqlite_in(tmp_path), 1600) as crowd:
        lease = {"LIVE_ACTIVITY_LEASE": LONG_LEASE}
        with serving(crowd, output, *PRELOADED, LIVE_ACTIVITY_DELIVERY="thread", **lease) as server:
            server.wait_until_all_serve()
            crowd.apns.clear()
            server.end(STREAM)
            crowd.wait_for_pushes(200)
            crowd.apns.delay(apple_takes)
            server.running.send_signal(signal.SIGTERM)
            assert server.running.wait(40) == 0, output.read_text()
        assert crowd.audience.pending, "it was over before the end"
        assert crowd.claimed == 0
        crowd.apns.delay(0)
        with a_worker(crowd.config(**lease), output):
            crowd.wait_until_told(LONG_LEASE / 2)
        crowd.audience.check()
        assert crowd.doubled == 0


def test_under_gevent_the_thread_is_refused_and_a_worker_delivers(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with a_slow_crowd(sqlite_in(tmp_path), 50) as crowd:
        with serving(crowd, output, "-k", "gevent", LIVE_ACTIVITY_DELIVERY="thread") as server:
            assert server.running.wait(40) != 0
        assert "LIVE_ACTIVITY_DELIVERY = 'thread' does not work under gevent" in output.read_text()
        assert "Set it to 'worker' and run `flask live-activity worker`" in output.read_text()
        with (
            serving(crowd, output, "-k", "gevent", LIVE_ACTIVITY_DELIVERY="worker") as server,
            a_worker(crowd.config(), output),
        ):
            server.end(STREAM)
            crowd.wait_until_told()
            crowd.audience.check()
            server.end(STREAM_TO_COME)
            crowd.wait_until_the_other_stream_is_told()
