"""The whole way: a real host, a real APNs on a socket, and what the lock screen shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import create_app
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.phones import Phone, Phones, WsgiBackend
from flask_allmine_liveactivity.testing import deliver_now

BUNDLE_ID = "com.example.allmine"


@pytest.fixture
def phones() -> Phones:
    return Phones(bundle_id=BUNDLE_ID)


@pytest.fixture
def app(phones: Phones, tmp_path: Path) -> Iterator[Flask]:
    with LocalApns(bundle_id=BUNDLE_ID, devices=phones) as apns:
        config = {**apns.settings, "LIVE_ACTIVITY_DELIVERY": "inline"}
        app = create_app(config, instance_path=str(tmp_path))
        yield app
        app.extensions["live_activity"].close()
        app.extensions["allmine"].kw["bind"].dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ada(client: FlaskClient) -> dict[str, str]:
    """Her authorization: she hosts the stream."""
    answer = client.post("/api/v1/login", json={"username": "ada", "password": "lovelace"})
    return {"Authorization": f"Bearer {answer.json['accessToken']}"}  # type: ignore[index]


@pytest.fixture
def stream(client: FlaskClient, ada: dict[str, str]) -> str:
    answer = client.post("/api/v1/streams", json={"title": "A talk"}, headers=ada)
    stream_id: str = answer.json["streamId"]  # type: ignore[index]
    return stream_id


@pytest.fixture
def phone(phones: Phones, app: Flask) -> Phone:
    """Grace's, who follows."""
    phone = phones.add("Grace's iPhone")
    phone.log_in(WsgiBackend(app), "grace", "hopper")
    return phone


@pytest.mark.parametrize("moment", ["cancel", "ready", "start", "expire"])
def test_each_moment_clears_the_lock_screen(
    client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone, moment: str
) -> None:
    activity = phone.follow(stream)
    assert phone.lock_screen == [activity]
    client.post(f"/api/v1/streams/{stream}/{moment}", headers=ada)
    assert (phone.lock_screen, activity.state) == ([], "dismissed")


def test_a_phone_that_registers_late_is_cleared_too(
    client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    activity = phone.follow(stream)
    assert (phone.lock_screen, activity.state) == ([], "dismissed")
    assert phone.missed_registrations == 0


def test_a_phone_in_flight_mode_is_cleared_when_it_is_back(
    client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    activity = phone.follow(stream)
    phone.flight_mode = True
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    assert phone.lock_screen == [activity]
    phone.flight_mode = False
    assert phone.lock_screen == []


def test_an_end_that_was_overwritten_at_apple_comes_again_when_the_app_is_opened(
    app: Flask, client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    both = [phone.follow(stream), phone.follow(stream)]
    phone.flight_mode = True
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    phone.flight_mode = False
    (left,) = phone.lock_screen
    assert left in both
    phone.open_app()
    # Between two tellings of one activity there are 30 seconds.
    deliver_now(app, at=timedelta(seconds=31))
    assert phone.lock_screen == []


def test_the_token_that_rotated_last_is_told(
    client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    activity = phone.follow(stream)
    phone.rotate_token(activity)
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    assert phone.lock_screen == []


def test_a_swiped_activity_is_found_gone(
    app: Flask, client: FlaskClient, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    phone.swipe_away(phone.follow(stream))
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    result = app.test_cli_runner().invoke(args=["live-activity", "sessions", "--json"])
    assert "ExpiredToken" in result.output


def test_the_next_user_of_the_phone_registers_the_activity(
    client: FlaskClient, app: Flask, ada: dict[str, str], stream: str, phone: Phone
) -> None:
    phone.follow(stream)
    phone.log_out()
    phone.log_in(WsgiBackend(app), "ada", "lovelace")
    phone.open_app()
    assert phone.log[-1].kind == "registered"
    client.post(f"/api/v1/streams/{stream}/cancel", headers=ada)
    assert phone.lock_screen == []
