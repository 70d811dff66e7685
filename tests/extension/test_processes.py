"""Several processes: preloading servers, forks, workers, and a command line without a database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flask_allmine_liveactivity import SessionStatus, notify_stream_state
from flask_allmine_liveactivity.model import DUE_NOW

from .apps import STREAM, TOKEN, Elsewhere, installation, register, until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_flask_help_needs_no_database(elsewhere: Elsewhere) -> None:
    done = elsewhere.flask(
        "--help",
        FLASK_LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/nowhere",
        FLASK_LIVE_ACTIVITY_DELIVERY="thread",
    )
    assert done.returncode == 0, done.stderr
    assert "live-activity" in done.stdout
    assert "Error" not in done.stderr


def test_flask_help_makes_no_database_file(elsewhere: Elsewhere) -> None:
    assert elsewhere.flask("live-activity", "--help").returncode == 0
    assert not (elsewhere.folder / "instance" / "live_activity.db").exists()


FORK = f"""
import os, sys
from host_app import create_app
from flask_allmine_liveactivity.app.installation import installed_on

app = create_app()
installation = installed_on(app)
mine = installation.parts
mine.storage.prepare()
app.test_client().get("/pid")  # the parent's thread runs
child = os.fork()
if not child:
    try:
        theirs = installation.parts
        assert theirs is not mine
        assert theirs.storage is not mine.storage
        assert theirs.push is not mine.push
        assert theirs is installation.parts
        assert theirs.storage.streams.read("{STREAM}") is None  # it works here
        import threading
        names = lambda: [t.name for t in threading.enumerate()]
        assert "live-activity-delivery" not in names(), names()
        app.test_client().get("/nowhere")
        assert "live-activity-delivery" in names(), names()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    installation.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert installation.parts is mine
assert mine.storage.streams.read("{STREAM}") is None  # still open here
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_builds_its_own_parts_and_its_own_thread(elsewhere: Elsewhere) -> None:
    done = elsewhere.python("-c", FORK)
    assert done.returncode == 0, done.stderr


SLOW_PUSH = """
import threading, time
from host_app import FilePush

fourth = threading.Event()

class SlowPush(FilePush):
    \"\"\"Has no answer for the fourth until the process is to end.\"\"\"

    def send(self, pushes):
        for number, result in enumerate(super().send(pushes), 1):
            if number == 4:
                fourth.set()
                while not delivery.stopping:
                    time.sleep(0.01)
            yield result
"""
LEAVING = """
import slow_push
from host_app import create_app
from flask_allmine_liveactivity.app.installation import installed_on

app = create_app()
parts = installed_on(app).parts
slow_push.delivery = parts.delivery
app.test_client().get("/pid")  # the thread runs
assert slow_push.fourth.wait(60)
print([session.claim_id is None for session in parts.storage.sessions.page(limit=100)].count(False))
"""


def test_a_process_that_ends_gives_back_what_is_claimed_and_unsent(elsewhere: Elsewhere) -> None:
    (elsewhere.folder / "slow_push.py").write_text(SLOW_PUSH)
    app = elsewhere.app(LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None)
    for number in range(10):
        register(app, activityId=f"activity-{number}", liveActivityToken=f"token-{number}")
    with app.app_context():
        notify_stream_state(STREAM, "ready")
    done = elsewhere.python("-c", LEAVING, FLASK_LIVE_ACTIVITY_PUSH="slow_push:SlowPush")
    sessions = installation(app).storage.sessions.page(limit=100)
    installation(app).close()
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")
    ended = [session.token for session in sessions if session.status is SessionStatus.ENDED]
    assert sorted(ended) == sorted(elsewhere.told)
    unsent = [session for session in sessions if session.status is SessionStatus.ACTIVE]
    assert [(session.claim_id, session.due_at) for session in unsent] == [(None, DUE_NOW)] * 6


# --- gunicorn -------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)
    except OSError:
        return None


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_a_preloading_server_sweeps_what_another_process_has_announced(
    elsewhere: Elsewhere,
) -> None:
    port = free_port()
    server = elsewhere.start(
        "-m", "gunicorn", "-w", "2", "--preload", "--bind", f"127.0.0.1:{port}",
        "--no-control-socket", "host_app:create_app()",
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/pid"
    with ended(server):
        assert until(lambda: get(url)), elsewhere.output
        # A 404 is a request, too: whoever has answered one sweeps from then on.
        get(f"http://127.0.0.1:{port}/nowhere")
        app = elsewhere.app()
        assert register(app).status_code == 200
        with app.app_context():
            notify_stream_state(STREAM, "ready")
        installation(app).close()
        # No request comes any more: only the sweep can find it.
        assert until(lambda: elsewhere.told), elsewhere.output
        assert elsewhere.told == [TOKEN]
        workers = elsewhere.told_file.read_text().split()[0]
        assert int(workers) not in (server.pid, os.getpid())


# --- flask live-activity worker -------------------------------------------------------------------


@contextmanager
def worker_in(elsewhere: Elsewhere, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = elsewhere.start(
        "-m", "flask", "--app", "host_app:create_app", "live-activity", "worker",
        **{"FLASK_LIVE_ACTIVITY_DELIVERY": "worker", **environ},
    )  # fmt: skip
    with ended(process):
        assert until(lambda: "Delivering." in elsewhere.output), elsewhere.output
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_delivers_for_others_and_stops_when_told(
    elsewhere: Elsewhere, number: signal.Signals
) -> None:
    app = elsewhere.app()
    register(app)
    with worker_in(elsewhere) as worker:
        with app.app_context():
            notify_stream_state(STREAM, "ready")
        assert until(lambda: elsewhere.told), elsewhere.output
        worker.send_signal(number)
        assert worker.wait(20) == 0, elsewhere.output
    installation(app).close()
    assert elsewhere.told == [TOKEN]
    assert "Stopped; what was unsent has been given back." in elsewhere.output


def test_a_worker_begins_with_what_was_announced_before(elsewhere: Elsewhere) -> None:
    app = elsewhere.app()
    register(app)
    with app.app_context():
        notify_stream_state(STREAM, "ready")
    installation(app).close()
    with worker_in(elsewhere):
        assert until(lambda: elsewhere.told == [TOKEN]), elsewhere.output


def test_a_worker_waits_for_a_storage_that_is_away_at_its_start(elsewhere: Elsewhere) -> None:
    with worker_in(
        elsewhere,
        FLASK_LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/nowhere",
        FLASK_LIVE_ACTIVITY_STORAGE_OPTIONS='{"serverSelectionTimeoutMS": 100}',
    ) as worker:
        waits = "Live Activity delivery waits"
        assert until(lambda: elsewhere.output.count(waits) >= 2), elsewhere.output
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0, elsewhere.output


def test_two_workers_tell_each_phone_once(elsewhere: Elsewhere) -> None:
    app = elsewhere.app(LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None)
    tokens = [f"token-{number}" for number in range(40)]
    for token in tokens:
        register(app, activityId=token, liveActivityToken=token)
    with worker_in(elsewhere, FLASK_LIVE_ACTIVITY_BATCH_SIZE="3"), worker_in(elsewhere):
        with app.app_context():
            notify_stream_state(STREAM, "ready")
        assert until(lambda: len(elsewhere.told) >= len(tokens)), elsewhere.output
    installation(app).close()
    assert sorted(elsewhere.told) == sorted(tokens)
