"""What a task does of a large audience; seen without a worker, on a Redis that keeps messages."""

from __future__ import annotations

import gc
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import ConfigurationError, Countdown, LiveActivity
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch import celery as dispatching
from flask_allmine_liveactivity.dispatch.celery import DELIVER, SWEEP
from flask_allmine_liveactivity.errors import StorageUnavailable

from .host import make_host
from .stage import STREAM, Stage, all_told, notify, register_phones

AUDIENCE = 1500


class Sent:
    """The messages that a host's Celery app would have sent."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arguments: list[tuple[Any, ...]] = []
        self.options: list[dict[str, Any]] = []

        def send_task(name: str, args: tuple[Any, ...] = (), **options: Any) -> None:
            assert name == DELIVER
            self.arguments.append(args)
            self.options.append(options)

        monkeypatch.setattr(app.extensions["celery"], "send_task", send_task)


def run_task(app: Flask, name: str, *arguments: Any) -> Any:
    return app.extensions["celery"].tasks[name](*arguments)


def test_what_is_left_at_the_end_of_a_slice_is_queued_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage.host(LIVE_ACTIVITY_BATCH_SIZE=50)
    register_phones(app, AUDIENCE)
    sent = Sent(app, monkeypatch)
    monkeypatch.setattr(dispatching, "SLICE", 0.1)
    notify(app)
    installed_on(app).close()
    messages = sent.arguments
    slices = 0
    while messages:
        message = messages.pop(0)
        run_task(app, DELIVER, *message)
        slices += 1
    assert all_told(app)
    assert slices > 2
    assert len(stage.apns.accepted) == AUDIENCE


def test_a_large_audience_asks_for_one_more_worker(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage.host(LIVE_ACTIVITY_BATCH_SIZE=50)
    register_phones(app, AUDIENCE)
    sent = Sent(app, monkeypatch)
    monkeypatch.setattr(dispatching, "ASK_FOR_HELP_AFTER", 0.05)
    notify(app)
    installed_on(app).close()
    (message,) = sent.arguments
    run_task(app, DELIVER, *message)
    assert sent.arguments[1:] == [(STREAM, dispatching.MOST_HELPERS - 1)]
    assert all_told(app)


@pytest.mark.parametrize(("helpers", "after"), [(0, 0.05), (5, 60.0)])
def test_nobody_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, helpers: int, after: float
) -> None:
    app = stage.host(LIVE_ACTIVITY_BATCH_SIZE=50)
    register_phones(app, AUDIENCE)
    sent = Sent(app, monkeypatch)
    monkeypatch.setattr(dispatching, "ASK_FOR_HELP_AFTER", after)
    notify(app)
    installed_on(app).close()
    sent.arguments.clear()
    run_task(app, DELIVER, STREAM, helpers)
    assert not sent.arguments
    assert all_told(app)


def test_a_broker_that_takes_no_message_does_not_fail_the_task(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage.host()
    register_phones(app, 200)
    notify(app)
    installed_on(app).close()

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("amqp://guest:hunter2@broker refused")

    monkeypatch.setattr(app.extensions["celery"], "send_task", refuse)
    monkeypatch.setattr(dispatching, "ASK_FOR_HELP_AFTER", 0.0)
    assert "delivered 200" in run_task(app, DELIVER, STREAM, 3)


def test_the_sweep_deletes_what_is_long_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage.host()
    register_phones(app, 3)
    monkeypatch.setattr("flask_allmine_liveactivity.delivery.runner.KEEP_RECORD", -48 * 3600.0)
    notify(app)
    installed_on(app).close()
    run_task(app, SWEEP)
    assert installed_on(app).storage.counts(time.time()).ended == 0


def test_where_tasks_run_eagerly_the_caller_gets_the_report(stage: Stage) -> None:
    app = stage.host(CELERY={"task_always_eager": True})
    register_phones(app, 3)
    report = notify(app)
    assert not report.queued
    assert report.delivered == 3


def test_two_apps_over_one_celery_app_register_its_tasks_once(stage: Stage) -> None:
    celery = Celery("host", broker=stage.broker["broker_url"])
    made = []
    for _ in range(2):
        app = Flask("host")
        app.config.update(
            {**stage.config, "LIVE_ACTIVITY_DELIVERY": "celery", "JWT_SECRET_KEY": "s" * 32}
        )
        app.extensions["celery"] = celery
        JWTManager(app)
        LiveActivity(app)
        made.append(app)
    installed_on(made[-1]).storage.prepare()
    register_phones(made[-1], 2)
    assert list(celery.conf.beat_schedule) == [SWEEP]
    notify(made[-1])
    for app in made:
        installed_on(app).close()
    # The last: what the first has opened is closed.
    assert "delivered 2" in celery.tasks[DELIVER](STREAM)
    installed_on(made[-1]).close()


def test_what_is_no_celery_app(stage: Stage) -> None:
    app = Flask("host")
    app.config.update({**stage.config, "LIVE_ACTIVITY_DELIVERY": "celery"})
    app.extensions["celery"] = "redis://"
    with pytest.raises(ConfigurationError, match=r"must be a celery\.Celery, and is a str"):
        LiveActivity(app)


def test_an_app_reads_nothing_of_celerys_configuration_when_it_is_made(stage: Stage) -> None:
    """A host may set it later."""
    app = make_host(stage.config, flask_task=True)
    assert not app.extensions["celery"].configured


def test_an_app_goes_with_its_celery_app(stage: Stage) -> None:
    """As many as a host's tests make."""
    app = make_host(stage.config, flask_task=False)
    seen = weakref.ref(app.extensions["celery"])
    del app
    Celery()  # Celery holds on to the one that was made last
    gc.collect()
    assert seen() is None


def test_check_finds_the_workers(stage: Stage) -> None:
    app = stage.host()
    check = ["check", "--json"]
    with stage.worker():
        done = app.test_cli_runner().invoke(live_activity_commands, check)
    assert done.exit_code == 0, done.output
    assert "1 Celery worker(s) know 'flask_allmine_liveactivity.deliver'" in done.output


def test_check_misses_the_workers(stage: Stage) -> None:
    done = stage.host().test_cli_runner().invoke(live_activity_commands, ["check"])
    assert done.exit_code == 1
    assert "no Celery worker knows the task" in done.output


def test_check_does_not_know_workers_without_remote_control(stage: Stage) -> None:
    app = stage.host(CELERY={**stage.broker, "worker_enable_remote_control": False})
    done = app.test_cli_runner().invoke(live_activity_commands, ["check"])
    assert done.exit_code == 0, done.output
    assert "ok    delivery: the Celery broker answers" in done.output
    assert "is not known, for remote control is off" in done.output


def test_check_does_not_know_the_workers_of_a_broker_without_remote_control(
    stage: Stage, tmp_path: Path
) -> None:
    """Such as Amazon SQS; here one in a database."""
    app = stage.host(CELERY={"broker_url": f"sqla+sqlite:///{tmp_path}/broker.db"})
    done = app.test_cli_runner().invoke(live_activity_commands, ["check"])
    assert done.exit_code == 0, done.output
    assert "is not known, for this broker has no remote control" in done.output


def test_check_does_not_know_workers_that_may_not_be_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("ACCESS_REFUSED - to exchange 'celery.pidbox'")

    app = stage.host()
    monkeypatch.setattr(app.extensions["celery"].control, "inspect", refuse)
    done = app.test_cli_runner().invoke(live_activity_commands, ["check"])
    assert done.exit_code == 0, done.output
    assert "is not known, for workers cannot be asked (PermissionError)" in done.output


def test_check_misses_the_broker(stage: Stage) -> None:
    app = stage.host(CELERY={"broker_url": "redis://alice:hunter2@127.0.0.1:9/0"})
    done = app.test_cli_runner().invoke(live_activity_commands, ["check"])
    assert done.exit_code == 1
    assert "the Celery broker does not answer" in done.output
    assert "hunter2" not in done.output


def test_a_storage_that_fails_is_left_to_the_next_sweep(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The database does not answer.")

    app = stage.host()
    monkeypatch.setattr(Delivery, "run", fail)
    assert run_task(app, SWEEP) == "waits for the storage"
    assert "waits for the next sweep" in caplog.text


# --- the host's truth ------------------------------------------------------------------------


def test_a_sweep_asks_the_host_what_its_streams_are(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage.host(LIVE_ACTIVITY_CHECK_INTERVAL=0.1)
    Sent(app, monkeypatch)
    installed_on(app).callbacks.streams = lambda ids: dict.fromkeys(ids, "cancelled")
    register_phones(app, 3)
    for _ in range(2):
        time.sleep(0.11)  # until they are due for a question
        run_task(app, SWEEP)
    run_task(app, SWEEP)
    assert all_told(app)
    assert len(stage.apns.accepted) == 3


def test_a_sweep_that_cannot_ask_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = stage.host()
    Sent(app, monkeypatch)
    installed_on(app).callbacks.streams = lambda ids: {}

    def away(*_: object) -> None:
        raise StorageUnavailable("the database is away")

    monkeypatch.setattr(installed_on(app).storage.streams, "take_questions", away)
    run_task(app, SWEEP)
    assert "the database is away" in caplog.text


def test_an_update_that_keeps_its_distance_is_queued_for_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage.host(LIVE_ACTIVITY_SWEEP_INTERVAL=15)
    sent = Sent(app, monkeypatch)
    title = ["first"]
    installed_on(app).callbacks.streams = lambda ids: {
        stream_id: Countdown(starts_at=2e9, content_state={"title": title[0]}) for stream_id in ids
    }
    register_phones(app, 3)
    run_task(app, DELIVER, STREAM, 0)
    with app.app_context():
        LiveActivity().stream_changed(STREAM)
        run_task(app, DELIVER, STREAM)
        title[0] = "second"
        LiveActivity().stream_changed(STREAM)
    installed_on(app).close()  # all messages are sent by now
    sent.arguments.clear()
    sent.options.clear()
    run_task(app, DELIVER, STREAM)
    assert sent.arguments == [(STREAM, 0)]
    assert 0 < sent.options[0]["countdown"] <= 5
    # The one that comes back sends no other.
    run_task(app, DELIVER, STREAM, 0)
    assert len(sent.arguments) == 1
