"""The thread that asks the host: beside those that deliver, and in nobody's way."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity import Countdown, LiveActivity, MemoryPush, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.dispatch.asking import MOST_ROUNDS, Asking, AskingThread
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import STREAM, wait_until

QUICK = 0.2


@pytest.fixture
def asked() -> Iterator[Callable[..., AskingThread]]:
    """Starts a thread that asks so, and ends it."""
    started: list[AskingThread] = []

    def start(ask_due: Callable[[Callable[[], bool]], object]) -> AskingThread:
        started.append(AskingThread(Asking(QUICK, lambda: True, ask_due)))
        return started[-1]

    yield start
    for thread in started:
        thread.end()


def test_it_asks_again_and_again(asked: Callable[..., AskingThread]) -> None:
    rounds: list[float] = []
    asked(lambda _: rounds.append(time.monotonic()))
    wait_until(lambda: len(rounds) >= 3)


@pytest.mark.parametrize("error", [StorageUnavailable("away"), ValueError("a bug")])
def test_an_error_ends_nothing(
    asked: Callable[..., AskingThread], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    rounds: list[int] = []

    def ask(_: object) -> None:
        rounds.append(1)
        raise error

    asked(ask)
    wait_until(lambda: len(rounds) >= 2)
    assert str(error) in caplog.text


def test_one_that_hangs_keeps_no_other_question_waiting(
    asked: Callable[..., AskingThread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_allmine_liveactivity.dispatch.asking.SLOW_AFTER", 0.1)
    hangs = threading.Event()
    rounds: list[int] = []

    def ask(_: object) -> None:
        rounds.append(1)
        if len(rounds) == 1:
            hangs.wait(30)

    asked(ask)
    wait_until(lambda: len(rounds) >= 3)
    hangs.set()


def test_a_host_that_always_hangs_is_asked_by_a_few_alone(
    asked: Callable[..., AskingThread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_allmine_liveactivity.dispatch.asking.SLOW_AFTER", 0.05)
    hangs = threading.Event()
    rounds: list[int] = []

    def ask(_: object) -> None:
        rounds.append(1)
        hangs.wait(30)

    asked(ask)
    wait_until(lambda: len(rounds) == MOST_ROUNDS)
    time.sleep(1)  # whoever else was to ask would have by now
    assert len(rounds) == MOST_ROUNDS
    hangs.set()
    wait_until(lambda: len(rounds) > MOST_ROUNDS)


def test_it_ends_though_the_host_hangs(asked: Callable[..., AskingThread]) -> None:
    hangs, begun = threading.Event(), threading.Event()

    def ask(_: object) -> None:
        begun.set()
        hangs.wait(30)

    thread = asked(ask)
    assert begun.wait(20)
    thread.end()
    assert not hangs.is_set()
    hangs.set()


def test_it_waits_for_a_question_under_way(asked: Callable[..., AskingThread]) -> None:
    """Or the storage would be closed while it writes."""
    begun, written = threading.Event(), threading.Event()

    def ask(_: object) -> None:
        begun.set()
        time.sleep(0.3)  # as a page takes
        written.set()

    thread = asked(ask)
    assert begun.wait(20)
    thread.end()
    assert written.is_set()


def test_who_asks_is_told_when_it_is_to_stop(asked: Callable[..., AskingThread]) -> None:
    stops: list[Callable[[], bool]] = []
    thread = asked(stops.append)
    wait_until(lambda: bool(stops))
    assert not stops[0]()
    thread.end()
    assert stops[0]()


# --- in an app -------------------------------------------------------------------------------


def make_host(**config: Any) -> tuple[Flask, LiveActivity]:
    app = Flask("host")
    app.config.update(
        TESTING=True,
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_CHECK_INTERVAL=QUICK,
        LIVE_ACTIVITY_SWEEP_INTERVAL=30,
    )
    app.config.update(config)
    live_activity = LiveActivity(app, storage=MemoryStorage(), push=MemoryPush())

    @app.get("/alive")
    def alive() -> str:
        return "alive"

    return app, live_activity


def follow(app: Flask) -> None:
    installed_on(app).register(
        user_id="u", stream_id=STREAM, device_id="d", activity_id="a", token="a token"
    )


def sent(app: Flask) -> int:
    push = installed_on(app).push
    assert isinstance(push, MemoryPush)
    return len(push.sent)


def test_a_web_process_asks_and_tells_what_it_has_found() -> None:
    app, live_activity = make_host()

    @live_activity.streams
    def streams(stream_ids: list[str]) -> dict[str, Any]:
        return dict.fromkeys(stream_ids, "cancelled")

    app.test_client().get("/alive")
    with app.app_context():
        follow(app)
    wait_until(lambda: sent(app) == 1)
    installed_on(app).close()


def test_a_callback_that_hangs_keeps_no_push_waiting() -> None:
    app, live_activity = make_host()
    hangs, begun = threading.Event(), threading.Event()

    @live_activity.streams
    def streams(stream_ids: list[str]) -> dict[str, Any]:
        begun.set()
        hangs.wait(30)
        return {}

    app.test_client().get("/alive")
    with app.app_context():
        follow(app)
        assert begun.wait(20)
        notify_stream_state(STREAM, "ready")
    wait_until(lambda: sent(app) == 1)
    assert not hangs.is_set()
    hangs.set()
    installed_on(app).close()


def test_without_a_callback_no_thread_asks() -> None:
    before = asking_threads()
    app, _ = make_host()
    app.test_client().get("/alive")
    assert asking_threads() == before
    installed_on(app).close()


def test_the_app_is_let_go() -> None:
    before = asking_threads()
    app, live_activity = make_host()
    live_activity.streams(lambda stream_ids: {})
    app.test_client().get("/alive")
    assert asking_threads() > before
    gone = weakref.ref(app)
    del app, live_activity
    wait_until(lambda: gc.collect() >= 0 and gone() is None)
    wait_until(lambda: asking_threads() <= before)


def asking_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "live-activity-questions"}


def test_inline_asks_when_it_is_told_to_deliver(caplog: pytest.LogCaptureFixture) -> None:
    app, live_activity = make_host(LIVE_ACTIVITY_DELIVERY="inline")
    live_activity.streams(
        lambda stream_ids: dict.fromkeys(
            stream_ids, Countdown(starts_at=2e9, content_state={"title": "renamed"})
        )
    )
    with app.app_context():
        follow(app)
    time.sleep(QUICK)  # until it is due for a question
    with caplog.at_level(logging.WARNING):
        result = app.test_cli_runner().invoke(args=["live-activity", "deliver"])
    assert result.exit_code == 0, result.output
    assert sent(app) == 1
