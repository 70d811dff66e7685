"""What operations see and do while an update is to be told."""

from __future__ import annotations

import time

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation, register
from flask import Flask

from flask_allmine_liveactivity import Countdown, Verdict
from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.app.operations import Phone

from .conftest import Apple


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its one item is the time."""
    now = [float(int(time.time()))]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def phones(app: Flask, count: int, stream: str = STREAM) -> None:
    for number in range(count):
        unique = f"{stream[-1]}-{number}"
        answer = register(app, streamId=stream, activityId=unique, liveActivityToken=unique)
        assert answer.status_code == 200


def change(installed: Installation, stream: str = STREAM, title: str = "new") -> None:
    countdown = Countdown(starts_at=time.time() + 3600, content_state={"title": title})
    installed.callbacks.streams = lambda ids: dict.fromkeys(ids, countdown)
    installed.streams.changed(stream, None)


def one(installed: Installation) -> Phone:
    (found,) = operations.why(installed, STREAM).phones
    return found


def test_a_run_says_who_is_still_to_be_told_an_update(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    phones(app, 3)
    change(installed)
    apple.refuses(Verdict.RETRY, "TooManyRequests")
    run = operations.deliver(installed)
    assert (run.retrying, run.pending) == (3, 3)
    report = operations.report(installed, STREAM)
    assert (report.event, report.revision) == ("update", 1)
    assert report.sessions == {"active": 3, "pending": 3, "ended": 0, "dead": 0}


def test_progress_counts_those_who_are_to_be_told_an_update(
    app: Flask, installed: Installation
) -> None:
    phones(app, 2)
    change(installed)
    steps: list[tuple[int, int]] = []
    run = operations.deliver(installed, progress=lambda *step: steps.append(step))
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert (run.delivered, run.pending) == (2, 0)
    assert operations.report(installed, STREAM).sessions["active"] == 2


def test_who_waits_for_an_update_is_no_alarm(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phones(app, 1)
    change(installed)
    clock[0] += 90
    stands = operations.status(installed)
    assert (stands.oldest_update_seconds, stands.oldest_pending_seconds) == (90, None)
    assert not stands.waits_longer_than(0)
    assert stands.not_refused == 1


def test_a_stream_that_is_held_with_an_update_is_named(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    phones(app, 1)
    change(installed)
    apple.refuses(Verdict.MISCONFIGURED, "InvalidProviderToken")
    assert operations.deliver(installed).obstacle == "InvalidProviderToken"
    (held,) = operations.status(installed).held
    assert held.is_update
    assert operations.report(installed, STREAM).holds == {"update": "InvalidProviderToken"}


def test_a_phone_that_was_told_an_update_runs_on_and_was_accepted(
    app: Flask, installed: Installation
) -> None:
    phones(app, 1)
    assert (one(installed).updated, one(installed).follows, one(installed).answer) == (
        False, True, None,
    )  # fmt: skip
    change(installed)
    waits = one(installed)
    assert (waits.pending, waits.updated, waits.follows) == (True, False, False)
    operations.deliver(installed)
    told = one(installed)
    assert (told.pending, told.updated, told.follows) == (False, True, True)
    assert (told.answer, told.next_try, told.session.delivered) == ("accepted", None, 1)


def test_what_is_asked_next_is_said_only_where_somebody_is_asked(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phones(app, 1)
    assert operations.status(installed, STREAM).next_question is None
    assert operations.why(installed, STREAM).next_question is None
    installed.callbacks.streams = lambda ids: {}
    assert operations.status(installed, STREAM).next_question == clock[0] + 60
    assert operations.why(installed, STREAM).next_question == clock[0] + 60
    assert operations.status(installed, OTHER_STREAM).next_question is None
    assert operations.status(installed).next_question is None


def test_a_reopened_stream_had_ended_and_one_with_an_update_had_not(
    app: Flask, installed: Installation
) -> None:
    phones(app, 1)
    assert operations.reopen(installed, STREAM).had_ended is False
    change(installed)
    assert operations.reopen(installed, STREAM).had_ended is False
    event = installation(app).storage.streams.read(STREAM)
    assert event is not None
    assert event.is_update
