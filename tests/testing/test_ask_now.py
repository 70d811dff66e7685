"""``ask_now``: a forgotten end, an expiry and a change are found without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_allmine_liveactivity import ConfigurationError, LiveActivity
from flask_allmine_liveactivity.testing import Outbox, ask_now, deliver_now

from .host import OTHER_STREAM, STREAM, Stream

MINUTE = timedelta(minutes=1)


@pytest.fixture
def outbox(live_activity_outbox: Outbox) -> Outbox:
    return live_activity_outbox


def told(outbox: Outbox) -> list[str]:
    return [push.event for push in outbox]


def test_nothing_is_due_for_a_question_at_first(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM)
    assert ask_now(app) == 0


def test_it_says_about_how_many_streams_it_has_asked(app: Flask, outbox: Outbox) -> None:
    for stream in (STREAM, OTHER_STREAM):
        outbox.register(stream)
    assert ask_now(app, MINUTE) == 2


def test_a_forgotten_end_is_found_by_two_answers(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM)
    Stream.get(STREAM).status = "cancelled"
    ask_now(app, MINUTE)
    assert told(outbox) == []
    ask_now(app, 2 * MINUTE)
    assert told(outbox) == ["end"]
    assert outbox[0].content_state == {"phase": "cancelled"}
    assert ask_now(app, 3 * MINUTE) == 0


def test_a_countdown_that_nobody_has_told_is_found(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM)
    ask_now(app, MINUTE)
    assert told(outbox) == ["update"]
    Stream.get(STREAM).title = "Another"
    ask_now(app, 2 * MINUTE)
    assert told(outbox) == ["update", "update"]
    content_state = outbox[1].content_state
    assert content_state is not None
    assert content_state["title"] == "Another"


@pytest.mark.parametrize("said_as", ["seconds", "datetime"])
def test_a_countdown_expires(app: Flask, client: FlaskClient, outbox: Outbox, said_as: str) -> None:
    outbox.register(STREAM)
    Stream.get(STREAM).expires_after = 600
    client.post(f"/streams/{STREAM}/rename", json={"title": "Soon"})
    outbox.clear()
    over = Stream.get(STREAM).starts_at + 600
    ask_now(app, over - 1)
    assert told(outbox) == []
    ask_now(app, over + 60 if said_as == "seconds" else datetime.fromtimestamp(over + 60, UTC))
    assert [push.content_state for push in outbox] == [{"phase": "expired"}]


def test_updates_keep_their_distance_and_none_is_lost(
    app: Flask, client: FlaskClient, outbox: Outbox
) -> None:
    outbox.register(STREAM)
    for title in ("One", "Two", "Three"):
        client.post(f"/streams/{STREAM}/rename", json={"title": title})
    assert len(outbox) == 1
    deliver_now(app, timedelta(seconds=6))
    titles = [push.aps["content-state"]["title"] for push in outbox]
    assert titles == ["One", "Three"]


def test_a_phone_that_comes_after_an_update_is_told_at_once(
    app: Flask, client: FlaskClient, outbox: Outbox
) -> None:
    client.post(f"/streams/{STREAM}/rename", json={"title": "One"})
    token = outbox.register(STREAM)
    deliver_now(app, timedelta(seconds=6))
    assert [(push.token, push.event) for push in outbox] == [(token, "update")]


def test_outside_of_a_block_the_apps_own_streams_are_asked_about() -> None:
    app = Flask("host")
    app.config.update(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    live_activity = LiveActivity(app)
    assert ask_now(app) == 0
    asked: list[str] = []

    @live_activity.streams
    def streams(stream_ids: list[str]) -> dict[str, None]:
        asked.extend(stream_ids)
        return {}

    installation = app.extensions["live_activity"]
    parts, storage = installation.parts, installation.storage
    storage.streams.wake(STREAM, time.time() + 9999, time.time(), ask_at=time.time() + 60)
    assert ask_now(app, MINUTE) == 1
    assert asked == [STREAM]
    assert installation.parts is parts
    installation.close()


def test_an_app_without_the_extension_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="not installed"):
        ask_now(Flask("host"))


@pytest.mark.parametrize("at", [datetime(2026, 1, 15), float("nan")])
def test_what_is_no_time_is_refused(app: Flask, at: float | datetime) -> None:
    with pytest.raises(ValueError, match="at "):
        ask_now(app, at)
