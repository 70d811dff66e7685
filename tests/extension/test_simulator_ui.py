"""``LIVE_ACTIVITY_SIMULATOR_UI``: phones on a page of a host's own app, in development only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient
from flask_jwt_extended import JWTManager, create_access_token
from werkzeug.test import TestResponse

from flask_allmine_liveactivity import (
    ConfigurationError,
    LiveActivity,
    MemoryPush,
    StreamNotFound,
    StreamState,
    notify_stream_state,
)
from flask_allmine_liveactivity.testing import deliver_now

from .apps import JWT_SECRET, STREAM

PAGE = "/live-activity-simulator"


def host(*, debug: bool = True, given: Any = None, **config: Any) -> Flask:
    """An app as in the README, in debug mode."""
    app = Flask("host")
    app.debug = debug
    app.config.update(
        JWT_SECRET_KEY=JWT_SECRET,
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_SIMULATOR_UI=True,
    )
    app.config.update(config)
    JWTManager(app)
    live_activity = LiveActivity(app, **(given or {}))

    @live_activity.stream_guard
    def guard(stream_id: str, user_id: str) -> None:
        if stream_id != STREAM:
            raise StreamNotFound

    @app.post("/cancel")
    def cancel() -> dict[str, Any]:
        notify_stream_state(STREAM, StreamState.CANCELLED)
        return {}

    return app


@pytest.fixture
def hosts() -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**config: Any) -> Flask:
        made.append(host(**config))
        return made[-1]

    yield make
    for app in made:
        app.extensions["live_activity"].close()
        simulator = app.extensions.get("live_activity_simulator")
        if simulator is not None:
            simulator.stop()


class Page:
    """What the page's script does."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def post(self, path: str, **body: Any) -> TestResponse:
        return self.client.post(f"{PAGE}/{path}", json=body)

    def phone(self, number: int, action: str, **body: Any) -> TestResponse:
        return self.post(f"phones/iphone-{number}/{action}", **body)

    @property
    def state(self) -> dict[str, Any]:
        state = self.client.get(f"{PAGE}/state").get_json()
        assert isinstance(state, dict)
        return state

    def cards(self, number: int) -> list[tuple[str, str]]:
        activities = self.state["phones"][number - 1]["activities"]
        return [(each["streamId"], each["state"]) for each in activities]

    @property
    def outlook(self) -> dict[str, Any]:
        """Of the only activity that runs."""
        (outlook,) = self.state["outlooks"].values()
        assert isinstance(outlook, dict)
        return outlook

    @property
    def streams(self) -> list[tuple[str, str]]:
        listed = self.client.get(f"{PAGE}/streams").get_json()
        return [(stream["title"], stream["status"]) for stream in listed]


@pytest.fixture
def page(hosts: Callable[..., Flask]) -> Page:
    return Page(hosts(LIVE_ACTIVITY_DISMISS_AFTER=600))


# --- the story ---------------------------------------------------------------------------------


def test_a_phone_on_the_page_registers_and_its_countdown_ends(page: Page) -> None:
    assert page.phone(1, "log-in", username="ada").status_code == 200
    assert page.phone(1, "follow", streamId=STREAM).status_code == 200
    assert page.cards(1) == [(STREAM, "active")]

    page.client.post("/cancel")

    assert page.cards(1) == [(STREAM, "ended")]
    (push,) = page.state["pushes"]
    assert (push["status"], push["event"], push["to"]["phoneId"]) == (200, "end", "iphone-1")


def test_the_hosts_guard_is_asked(page: Page) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId="65f0000000000000000000ff")
    assert "404" in page.state["phones"][0]["log"][-1]["text"]


def test_a_stream_that_the_host_ends_is_over_on_the_page_too(page: Page) -> None:
    page.post("streams", streamId=STREAM, title="A talk", startsAt=4_000_000_000)
    assert page.streams == [("A talk", "scheduled")]
    page.client.post("/cancel")
    assert page.streams == [("A talk", "cancelled")]


@pytest.mark.parametrize(
    ("moment", "status"),
    [("cancel", "cancelled"), ("ready", "ready"), ("start", "started"), ("expire", "expired")],
)
def test_the_page_ends_a_stream_of_the_hosts(page: Page, moment: str, status: str) -> None:
    page.post("streams", streamId=STREAM, title="A talk")
    page.phone(2, "log-in", username="grace")
    page.phone(2, "follow", streamId=STREAM)
    assert page.post(f"streams/{STREAM}/{moment}").get_json()["status"] == status
    assert page.cards(2) == [(STREAM, "ended")]
    assert page.post(f"streams/{STREAM}/reschedule").get_json()["status"] == "scheduled"


def test_apple_down_and_up(page: Page) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    assert page.post("apple", up=False).get_json()["apple"]["up"] is False
    page.client.post("/cancel")
    assert page.cards(1) == [(STREAM, "active")]
    page.post("apple", up=True)
    deliver_now(page.client.application, timedelta(seconds=2))
    assert page.cards(1) == [(STREAM, "ended")]


def test_what_apple_is_told_to_answer(page: Page) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    page.post("apple", answer="too-many-requests")
    page.client.post("/cancel")
    (push,) = page.state["pushes"]
    assert (push["status"], push["reason"]) == (429, "TooManyRequests")


def test_a_phone_in_the_air_a_rotated_token_a_deleted_app(page: Page) -> None:
    for number, user in enumerate(("ada", "grace", "alan"), start=1):
        page.phone(number, "log-in", username=user)
        page.phone(number, "follow", streamId=STREAM)
    page.phone(1, "flight-mode", on=True)
    (running,) = page.state["phones"][1]["activities"]
    page.phone(2, "rotate-token", activityId=running["id"])
    (rotated,) = page.state["phones"][1]["activities"]
    assert rotated["token"] != running["token"]
    page.phone(3, "delete-app")

    page.client.post("/cancel")

    assert [page.cards(number) for number in (1, 2, 3)] == [
        [(STREAM, "active")],
        [(STREAM, "ended")],
        [],
    ]
    page.phone(1, "flight-mode", on=False)
    assert page.cards(1) == [(STREAM, "ended")]
    (ended,) = page.state["phones"][0]["activities"]
    page.phone(1, "swipe-away", activityId=ended["id"])
    assert page.cards(1) == []


def test_no_token_is_on_the_page(page: Page) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    page.client.post("/cancel")
    simulator = page.client.application.extensions["live_activity_simulator"]
    (phone, *_) = simulator.phones.all
    seen = json.dumps(page.state)
    tokens = [phone.push_to_start_token, *(activity.token for activity in phone.activities)]
    assert len(tokens) == 2
    for token in tokens:
        assert token not in seen
        assert token.upper() not in seen.upper()


# --- what the host means to do -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fate", "reason", "tries_again"),
    [
        ("too-many-requests", "waits", "TooManyRequests", True),
        ("unavailable", "waits", "ServiceUnavailable", True),
        ("internal-server-error", "waits", "InternalServerError", True),
        ("bad-device-token", "waits", "BadDeviceToken", True),
        ("reset", "waits", "no answer: libcurl 92: http2 stream", True),
        ("gone", "given-up", "Unregistered", False),
        ("invalid-provider-token", "held", "InvalidProviderToken", True),
    ],
)
def test_after_each_answer_of_apples_the_page_has_what_the_host_has_written_down(
    page: Page, answer: str, fate: str, reason: str | None, tries_again: bool
) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    assert page.outlook["fate"] == "follows"
    page.post("apple", answer=answer)
    page.client.post("/cancel")
    assert (page.outlook["fate"], page.outlook["reason"]) == (fate, reason)
    assert (page.outlook["nextTry"] is not None) is tries_again


def test_what_is_told_needs_no_outlook_any_more(page: Page) -> None:
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    page.client.post("/cancel")
    assert page.state["outlooks"] == {}


@pytest.mark.parametrize("status", [403, 404, 429, 503])
def test_what_the_guard_or_the_host_refuses_is_told_and_known_to_nobody(
    hosts: Callable[..., Flask], status: int
) -> None:
    app = hosts()
    app.before_request(lambda: abort(status) if "live-activity-sessions" in request.path else None)
    page = Page(app)
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    (activity,) = page.state["phones"][0]["activities"]
    assert activity["registration"]["status"] == status
    assert page.state["outlooks"] == {}


def test_an_app_that_raises_has_answered_500(hosts: Callable[..., Flask]) -> None:
    """In debug mode Flask lets the app's own errors pass; the page goes on."""
    app = hosts()

    @app.before_request
    def fail() -> None:
        if "live-activity-sessions" in request.path:
            raise RuntimeError("the app's own")

    page = Page(app)
    page.phone(1, "log-in", username="ada")
    assert page.phone(1, "follow", streamId=STREAM).status_code == 200
    (activity,) = page.state["phones"][0]["activities"]
    assert activity["registration"]["status"] == 500


def test_a_phone_logs_in_with_a_ready_made_access_token(page: Page) -> None:
    with page.client.application.app_context():
        token = create_access_token(identity="ada")
    assert page.phone(1, "log-in", accessToken=token).status_code == 200
    page.phone(1, "follow", streamId=STREAM)
    assert page.outlook["fate"] == "follows"
    assert token not in json.dumps(page.state)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "x" * 8193])
def test_what_is_no_access_token_is_refused(page: Page, token: str) -> None:
    assert page.phone(1, "log-in", accessToken=token).status_code in (400, 409)


def test_a_host_that_has_not_said_how_is_not_asked(page: Page) -> None:
    page.post("streams", streamId=STREAM, title="A talk")
    assert page.post(f"streams/{STREAM}/changed").status_code == 409
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    assert page.outlook["askedAt"] is None


# --- only in development -----------------------------------------------------------------------


def test_it_is_refused_without_debug_mode() -> None:
    with pytest.raises(ConfigurationError, match=r"SIMULATOR_UI is for development only.*--debug"):
        host(debug=False)


def test_it_is_not_served_where_debug_mode_is_turned_off_later(hosts: Callable[..., Flask]) -> None:
    app = hosts()
    app.debug = False
    assert app.test_client().get(f"{PAGE}/").status_code == 404


@pytest.mark.parametrize(
    ("config", "given", "named"),
    [
        ({"LIVE_ACTIVITY_PUSH": "memory"}, {}, "LIVE_ACTIVITY_PUSH"),
        ({"LIVE_ACTIVITY_APNS_KEY_ID": "KEY1234567"}, {}, "LIVE_ACTIVITY_APNS_KEY_ID"),
        ({}, {"push": MemoryPush()}, "push="),
        ({"LIVE_ACTIVITY_DELIVERY": "worker"}, {}, "LIVE_ACTIVITY_DELIVERY"),
    ],
)
def test_what_does_not_go_with_it(
    config: dict[str, Any], given: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_SIMULATOR_UI") as refused:
        host(given=given, **config)
    assert named in str(refused.value)


def test_without_it_there_is_neither_a_page_nor_a_simulator() -> None:
    script = """
import sys
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_allmine_liveactivity import LiveActivity
app = Flask("host")
app.debug = True
app.config.update(JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
                  LIVE_ACTIVITY_STORAGE_URI="memory://", LIVE_ACTIVITY_PUSH="memory")
JWTManager(app)
LiveActivity(app)
assert app.test_client().get("/live-activity-simulator/").status_code == 404
assert not [name for name in sys.modules if name.startswith("flask_allmine_liveactivity.simulat")]
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_the_extra_the_error_names_it() -> None:
    script = """
import sys
sys.modules["h2"] = None
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_allmine_liveactivity import ConfigurationError, LiveActivity
app = Flask("host")
app.debug = True
app.config.update(JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
                  LIVE_ACTIVITY_STORAGE_URI="memory://", LIVE_ACTIVITY_SIMULATOR_UI=True)
JWTManager(app)
try:
    LiveActivity(app)
except ConfigurationError as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert 'pip install "flask-allmine-liveactivity[simulator]"' in said.stdout


def test_nothing_listens_before_the_page_is_asked_for() -> None:
    """In a process of its own: here threads of other tests' apps come and go."""
    script = """
import sys, threading
from extension.test_simulator_ui import PAGE, host
bound = []
sys.addaudithook(lambda event, _: bound.append(event) if event == "socket.bind" else None)
app = host()
assert bound == []
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
app.test_client().get(f"{PAGE}/")
# The page is what starts it: so it would have been seen before, too.
assert bound
assert len(threading.enumerate()) > 1
app.extensions["live_activity"].close()
app.extensions["live_activity_simulator"].stop()
"""
    tests = {"PYTHONPATH": str(Path(__file__).parents[1])}
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | tests
    )
    assert said.returncode == 0, said.stderr


def test_another_process_leaves_the_pushes_to_the_one_that_serves(tmp_path: Path) -> None:
    """The phones are in its memory: a ``flask`` command must not call them dead."""
    uri = f"sqlite:///{tmp_path}/live_activity.db"
    app = host(LIVE_ACTIVITY_STORAGE_URI=uri)
    page = Page(app)
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    command = host(LIVE_ACTIVITY_STORAGE_URI=uri)
    with command.app_context():
        notify_stream_state(STREAM, "ready")
    assert page.cards(1) == [(STREAM, "active")]
    deliver_now(app, timedelta(seconds=2))
    assert page.state["pushes"][0]["status"] == 200
    for each in (app, command):
        each.extensions["live_activity"].close()
        each.extensions["live_activity_simulator"].stop()
