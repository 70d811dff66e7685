"""``deliver_now``: back-off, retries and expiry without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity import (
    ConfigurationError,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    notify_stream_state,
)
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.testing import Delivered, Outbox, deliver_now

from .host import OTHER_STREAM, STREAM

NOTHING = Delivered(
    delivered=0, gone=0, rejected=0, retrying=0, expired=0, pending=0, obstacle=None
)


@pytest.fixture
def outbox(live_activity_outbox: Outbox) -> Outbox:
    return live_activity_outbox


def refused(app: Flask, outbox: Outbox, verdict: str = "retry", **given: Any) -> str:
    """A phone whose end push was refused once."""
    token = outbox.register(STREAM)
    outbox.answer(token, verdict, **given)
    with app.app_context():
        notify_stream_state(STREAM, "ready")
    outbox.clear()
    return token


def test_nothing_due_is_nothing_done(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM)
    assert deliver_now(app) == NOTHING


def test_what_is_due_is_delivered(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox, retry_after=600)
    done = deliver_now(app, timedelta(minutes=11))
    assert (done.delivered, done.pending) == (1, 0)
    assert [push.token for push in outbox] == [token]


def test_what_is_not_yet_due_waits(app: Flask, outbox: Outbox) -> None:
    refused(app, outbox, retry_after=600)
    done = deliver_now(app, timedelta(minutes=9))
    assert (done.delivered, done.pending, len(outbox)) == (0, 1, 0)


def test_without_a_time_it_is_now(app: Flask, outbox: Outbox) -> None:
    refused(app, outbox, retry_after=600)
    assert deliver_now(app).delivered == 0


@pytest.mark.parametrize(
    "at",
    [
        timedelta(minutes=20),
        lambda: time.time() + 1200,
        lambda: int(time.time()) + 1200,
        lambda: datetime.now(UTC) + timedelta(minutes=20),
        lambda: datetime.now().astimezone() + timedelta(minutes=20),
    ],
)
def test_a_time_may_be_said_in_each_way(app: Flask, outbox: Outbox, at: Any) -> None:
    refused(app, outbox, retry_after=600)
    assert deliver_now(app, at=at() if callable(at) else at).delivered == 1


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (datetime(2026, 1, 1), "time zone"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
    ],
)
def test_a_time_that_is_none_is_refused(app: Flask, outbox: Outbox, at: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deliver_now(app, at)


def test_a_phone_that_is_refused_again_and_again_waits_longer(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox, "rejected")
    outbox.answer(token, "rejected")
    assert deliver_now(app, timedelta(minutes=16)).rejected == 1
    assert deliver_now(app, timedelta(minutes=16 + 59)).delivered == 0
    assert deliver_now(app, timedelta(minutes=16 + 61)).delivered == 1


def test_a_phone_is_given_up_at_the_third_rejection(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox, "rejected")
    outbox.answer_always(token, "rejected")
    for hours in (1, 3):
        done = deliver_now(app, timedelta(hours=hours))
        assert done.rejected == 1
    assert done.pending == 0
    assert deliver_now(app, timedelta(hours=5)) == NOTHING


def test_a_session_that_could_not_be_told_expires(app: Flask, outbox: Outbox) -> None:
    refused(app, outbox)
    done = deliver_now(app, timedelta(hours=13))
    assert (done.expired, done.delivered, done.pending, len(outbox)) == (1, 0, 0, 0)


def test_a_dead_token_of_apples_is_not_expired(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox)
    outbox.answer(token, "gone", reason="ExpiredToken")
    done = deliver_now(app, timedelta(hours=1))
    assert (done.gone, done.expired) == (1, 0)


def test_a_hold_is_over_after_a_while(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox, "misconfigured", reason="TopicDisallowed")
    assert deliver_now(app).delivered == 0
    outbox.answer(token, "misconfigured", reason="TopicDisallowed")
    again = deliver_now(app, timedelta(minutes=2))
    assert (again.obstacle, again.pending) == ("TopicDisallowed", 1)
    assert deliver_now(app, timedelta(hours=1)).delivered == 1


def test_what_had_no_answer_is_due_at_once(app: Flask, outbox: Outbox) -> None:
    token = refused(app, outbox, "unreachable")
    outbox.answer(token, "unreachable", reason="timed out")
    assert deliver_now(app).obstacle == "timed out"
    assert deliver_now(app).delivered == 1


def test_all_streams_are_delivered(app: Flask, outbox: Outbox) -> None:
    for stream_id in (STREAM, OTHER_STREAM):
        outbox.answer(outbox.register(stream_id), "unreachable")
        with app.app_context():
            notify_stream_state(stream_id, "ready")
    assert deliver_now(app).delivered == 2


def test_outside_a_block_it_delivers_to_what_is_configured() -> None:
    push = MemoryPush()
    app = Flask("host")
    app.config.update(LIVE_ACTIVITY_DELIVERY="worker", LIVE_ACTIVITY_ALLOW_ANY_STREAM=True)
    LiveActivity(app, storage=MemoryStorage(), push=push)
    with app.app_context():
        installed_on(app).register(
            user_id="ada", stream_id=STREAM, device_id="d", activity_id="a", token="t"
        )
        notify_stream_state(STREAM, "started")
    assert push.sent == []
    assert deliver_now(app).delivered == 1
    assert [each.token for each in push.sent] == ["t"]


def test_an_app_without_the_extension_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="not installed"):
        deliver_now(Flask("host"))
