"""An app that nobody holds any more leaves no thread, no open file and nothing of itself.

Test suites make an app for each test, and none of them closes it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import services
from blinker import ANY
from celery import Celery
from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import (
    LiveActivity,
    MemoryPush,
    PushResult,
    Verdict,
    notify_stream_state,
)
from flask_allmine_liveactivity.model import Push, SessionStatus
from flask_allmine_liveactivity.signals import pushes_settled
from flask_allmine_liveactivity.testing import capture_pushes

from .apps import STREAM, THREAD, bare_app, bearer, installation, register, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts in /proc")

# What is left by each is counted, and compared exactly: ten show it as well as more would.
APPS = 10


@pytest.fixture(autouse=True)
def _leave_no_thread() -> Iterator[None]:
    """Other tests count them."""
    yield
    assert collected(lambda: THREAD not in {thread.name for thread in threading.enumerate()})


def a_host(folder: Path, **config: Any) -> Flask:
    """Made as a host's factory makes it; SQLite's file is where it is by default."""
    app = bare_app(TESTING=True, LIVE_ACTIVITY_ALLOW_ANY_STREAM=True, **config)
    app.instance_path = str(folder)
    JWTManager(app)
    LiveActivity(app)
    return app


def use(app: Flask) -> None:
    """Register a phone and end its stream, as a host's test does."""
    register(app)
    with app.app_context():
        notify_stream_state(STREAM, "ready")


def open_files() -> list[str]:
    files = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them
            files.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return files


def assert_nothing_is_left(make: Callable[[], Flask], *, apps: int = APPS) -> None:
    use(make())  # what is imported and cached at the first use stays
    assert collected(lambda: THREAD not in {thread.name for thread in threading.enumerate()})
    threads, files = threading.active_count(), len(open_files())
    alive = [weakref.ref(app) for app in _used(make, apps)]
    assert collected(lambda: threading.active_count() <= threads), threading.enumerate()
    assert collected(lambda: len(open_files()) <= files), open_files()
    assert collected(lambda: not any(app() for app in alive))


def collected(condition: Callable[[], object]) -> bool:
    """Wait until `condition` holds, collecting garbage meanwhile.

    Not once: a thread that is at work just now may hold its app until it is done.
    """
    return until(lambda: gc.collect() >= 0 and condition())


def _used(make: Callable[[], Flask], apps: int) -> Iterator[Flask]:
    for _ in range(apps):
        app = make()
        use(app)
        yield app


@pytest.fixture(scope="module")
def uris() -> Iterator[Callable[[str], str | None]]:
    """A storage's URI by its name; ``default`` has none."""
    with contextlib.ExitStack() as servers:
        opened: dict[str, str | None] = {
            "default": None,
            "memory": "memory://",
            "mongomock": "mongomock://",
        }

        def uri(name: str) -> str | None:
            if name not in opened:
                opened[name] = servers.enter_context(getattr(services, name)())
            return opened[name]

        yield uri


@pytest.mark.parametrize("delivery", ["thread", "inline", "worker"])
@pytest.mark.parametrize(
    "storage", ["default", "memory", "mongomock", "postgresql", "mariadb", "mongodb"]
)
def test_apps_are_let_go(
    storage: str, delivery: str, uris: Callable[[str], str | None], tmp_path: Path
) -> None:
    uri = uris(storage)
    config = {} if uri is None else {"LIVE_ACTIVITY_STORAGE_URI": uri}
    assert_nothing_is_left(
        lambda: a_host(tmp_path, LIVE_ACTIVITY_DELIVERY=delivery, **config),
    )


def celery_host(folder: Path, uri: str, celery: Celery) -> Flask:
    app = bare_app(
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_DELIVERY="celery",
        LIVE_ACTIVITY_STORAGE_URI=uri,
        TESTING=True,
    )
    app.extensions["celery"] = celery
    JWTManager(app)
    LiveActivity(app)
    return app


@pytest.mark.parametrize("broker", ["memory://", "redis://127.0.0.1:9/0"], ids=["there", "away"])
def test_apps_with_celery_are_let_go(broker: str, tmp_path: Path) -> None:
    def make() -> Flask:
        celery = Celery("host", broker=broker, set_as_current=False)
        return celery_host(tmp_path, f"sqlite:///{tmp_path}/db", celery)

    assert_nothing_is_left(make)


def test_of_the_apps_over_one_celery_app_the_last_is_kept(tmp_path: Path) -> None:
    """Its tasks run in it: a worker's process may hold nothing but the Celery app."""
    celery = Celery("host", broker="memory://", set_as_current=False)
    made = []
    for _ in range(5):
        app = celery_host(tmp_path, f"sqlite:///{tmp_path}/db", celery)
        use(app)
        made.append(weakref.ref(app))
    del app
    assert collected(lambda: not any(app() for app in made[:4]))
    assert made[4]() is not None


def test_apps_with_the_simulators_page_are_let_go(tmp_path: Path) -> None:
    assert_nothing_is_left(lambda: a_host(tmp_path, LIVE_ACTIVITY_SIMULATOR_UI=True), apps=3)


def test_apps_whose_push_backend_holds_them_are_let_go(tmp_path: Path) -> None:
    def make() -> Flask:
        push = MemoryPush()
        app = a_host(tmp_path, LIVE_ACTIVITY_PUSH=push)
        push.app = app  # type: ignore[attr-defined]
        return app

    assert_nothing_is_left(make)


def test_apps_whose_pushes_were_captured_are_let_go(tmp_path: Path) -> None:
    def make() -> Flask:
        app = a_host(tmp_path)
        with capture_pushes(app) as outbox:
            outbox.register(STREAM)
        return app

    assert_nothing_is_left(make)


def test_an_app_that_is_let_go_while_it_tells_tells_all_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent, goes_on = threading.Event(), threading.Event()

    def answer(push: Push) -> PushResult:
        sent.set()
        assert goes_on.wait(20)
        return PushResult(push, Verdict.DELIVERED)

    app = a_host(tmp_path, LIVE_ACTIVITY_PUSH=MemoryPush(answer))
    for number in range(5):
        register(app, activityId=f"a{number}", liveActivityToken=f"token-{number}")
    with app.app_context():
        notify_stream_state(STREAM, "ready")
    assert sent.wait(20)
    gone = weakref.ref(app)
    del app
    assert collected(lambda: gone() is None)
    goes_on.set()
    assert until(lambda: THREAD not in {thread.name for thread in threading.enumerate()})
    after = a_host(tmp_path, LIVE_ACTIVITY_DELIVERY="worker")
    rows = installation(after).storage.sessions.page()
    assert [row.status for row in rows] == [SessionStatus.ENDED] * 5
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_app_that_is_let_go_at_once_has_what_it_announced_told(tmp_path: Path) -> None:
    """As in a script, or in the consumer of a queue, that makes an app for each message."""
    before = a_host(tmp_path, LIVE_ACTIVITY_DELIVERY="worker")
    register(before)
    push = MemoryPush()

    def announce() -> None:
        with a_host(tmp_path, LIVE_ACTIVITY_PUSH=push).app_context():
            notify_stream_state(STREAM, "ready")

    announce()
    gc.collect()
    assert until(lambda: len(push.sent) == 1)


def test_an_app_that_is_held_goes_on_delivering(tmp_path: Path) -> None:
    """Whoever serves it holds it, perhaps by its ``wsgi_app`` alone."""
    told = threading.Event()

    def hear(_app: object, **_: object) -> None:
        told.set()

    app = a_host(tmp_path, LIVE_ACTIVITY_SWEEP_INTERVAL=0.1)
    register(app)
    token = bearer(app)
    serves = app.wsgi_app
    del app
    gc.collect()
    with pushes_settled.connected_to(hear, ANY):
        other = a_host(tmp_path, LIVE_ACTIVITY_DELIVERY="worker")
        with other.app_context():
            notify_stream_state(STREAM, "ready")
        assert told.wait(20)
    assert token
    assert serves
