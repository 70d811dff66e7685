"""The example host: each moment that ends a countdown, through its own routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import create_app
from example_app.desk import CONTENT_STATE
from flask_allmine_liveactivity.model import Push
from flask_allmine_liveactivity.testing import deliver_now


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        {"LIVE_ACTIVITY_PUSH": "memory", "LIVE_ACTIVITY_DELIVERY": "inline"},
        instance_path=str(tmp_path),
    )
    yield app
    app.extensions["live_activity"].close()
    app.extensions["allmine"].kw["bind"].dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def login(client: FlaskClient, username: str, password: str) -> dict[str, str]:
    answer = client.post("/api/v1/login", json={"username": username, "password": password})
    return {"Authorization": f"Bearer {answer.json['accessToken']}"}  # type: ignore[index]


def schedule(client: FlaskClient, headers: dict[str, str]) -> str:
    answer = client.post("/api/v1/streams", json={"title": "A talk"}, headers=headers)
    assert answer.status_code == 201
    stream_id: str = answer.json["streamId"]  # type: ignore[index]
    return stream_id


def register(client: FlaskClient, headers: dict[str, str], stream_id: str, **given: str) -> Any:
    phone = {
        "streamId": stream_id,
        "deviceId": "iphone",
        "liveActivityToken": "ab" * 80,
        "activityId": "activity",
    }
    return client.post(
        "/api/v1/notifications/live-activity-sessions", json=phone | given, headers=headers
    )


def pushes(app: Flask, event: str) -> list[Push]:
    """What was sent of it: its payload, and its priority."""
    sent: list[Push] = app.extensions["live_activity"].push.sent
    return [push for push in sent if aps(push)["event"] == event]


def aps(push: Push) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(push.payload)["aps"]
    return told


def told(app: Flask) -> list[str]:
    """Who was told of an end."""
    return [push.token for push in pushes(app, "end")]


@pytest.mark.parametrize("moment", ["cancel", "ready", "start", "expire"])
def test_each_moment_ends_the_countdowns(app: Flask, client: FlaskClient, moment: str) -> None:
    ada, grace = login(client, "ada", "lovelace"), login(client, "grace", "hopper")
    stream_id = schedule(client, ada)
    assert register(client, grace, stream_id).status_code == 200
    assert client.post(f"/api/v1/streams/{stream_id}/{moment}", headers=ada).status_code == 200
    assert told(app) == ["ab" * 80]


def test_a_phone_that_comes_late_is_told_at_once(app: Flask, client: FlaskClient) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    client.post(f"/api/v1/streams/{stream_id}/cancel", headers=ada)
    assert register(client, ada, stream_id).status_code == 409
    assert told(app) == ["ab" * 80]


def test_a_stream_that_is_scheduled_again_takes_new_phones(app: Flask, client: FlaskClient) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    client.post(f"/api/v1/streams/{stream_id}/cancel", headers=ada)
    client.post(f"/api/v1/streams/{stream_id}/reschedule", headers=ada)
    assert register(client, ada, stream_id).status_code == 200
    assert told(app) == []


def test_an_end_is_said_aloud_and_shows_what_the_app_declares(
    app: Flask, client: FlaskClient
) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    register(client, ada, stream_id)
    client.post(f"/api/v1/streams/{stream_id}/cancel", headers=ada)
    (end,) = pushes(app, "end")
    assert aps(end)["alert"] == {"title": "A talk", "body": "It was cancelled."}
    assert CONTENT_STATE.decode(aps(end)["content-state"])["status"] == "cancelled"


def test_a_new_title_is_told_without_a_sound(app: Flask, client: FlaskClient) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    answer = client.patch(
        f"/api/v1/streams/{stream_id}", json={"title": "Another talk"}, headers=ada
    )
    assert answer.get_json()["title"] == "Another talk"
    register(client, ada, stream_id)
    deliver_now(app, timedelta(seconds=6))  # updates keep a distance
    (update,) = pushes(app, "update")
    assert CONTENT_STATE.decode(aps(update)["content-state"])["title"] == "Another talk"
    assert "alert" not in aps(update)
    assert update.priority == 5


def test_another_time_is_told_aloud(app: Flask, client: FlaskClient) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    client.patch(f"/api/v1/streams/{stream_id}", json={"startsAt": 4e9}, headers=ada)
    register(client, ada, stream_id)
    deliver_now(app, timedelta(seconds=6))  # updates keep a distance
    (update,) = pushes(app, "update")
    assert CONTENT_STATE.decode(aps(update)["content-state"])["startsAt"] == 4e9
    assert aps(update)["alert"] == {"title": "A talk", "body": "It begins at another time."}
    assert update.priority == 10


@pytest.mark.parametrize("given", [[], {"title": 5}, {"startsAt": "soon"}, {"startsAt": True}])
def test_what_is_no_change_is_refused(client: FlaskClient, given: Any) -> None:
    ada = login(client, "ada", "lovelace")
    stream_id = schedule(client, ada)
    answer = client.patch(f"/api/v1/streams/{stream_id}", json=given, headers=ada)
    assert answer.status_code == 400


def test_only_its_host_changes_a_stream(client: FlaskClient) -> None:
    ada, grace = login(client, "ada", "lovelace"), login(client, "grace", "hopper")
    url = f"/api/v1/streams/{schedule(client, ada)}"
    assert client.patch(url, json={"title": "Mine"}, headers=grace).status_code == 403


def test_only_its_host_ends_a_stream(client: FlaskClient) -> None:
    ada, grace = login(client, "ada", "lovelace"), login(client, "grace", "hopper")
    stream_id = schedule(client, ada)
    assert client.post(f"/api/v1/streams/{stream_id}/cancel", headers=grace).status_code == 403


def test_after_a_log_out_the_next_user_of_the_phone_registers(client: FlaskClient) -> None:
    ada, grace = login(client, "ada", "lovelace"), login(client, "grace", "hopper")
    stream_id = schedule(client, ada)
    register(client, ada, stream_id)
    assert register(client, grace, stream_id).status_code == 409
    client.post("/api/v1/logout", json={"deviceId": "iphone"}, headers=ada)
    assert register(client, grace, stream_id).status_code == 200


def test_a_stream_that_there_is_not_is_not_found(client: FlaskClient) -> None:
    ada = login(client, "ada", "lovelace")
    assert register(client, ada, "65f0000000000000000000ff").status_code == 404
