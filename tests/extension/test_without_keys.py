"""Without APNs keys: what needs none works; whoever pushes or serves is told what is missing."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import ConfigurationError, LiveActivity, notify_stream_state
from flask_allmine_liveactivity.testing import capture_pushes

from .apps import (
    BODY,
    PATH,
    STREAM,
    Elsewhere,
    apple_key,
    bare_app,
    bearer,
    installation,
    register,
    until,
)
from .test_processes import ended, free_port, get

SAID = "There is no way to push"
NO_PUSH = {"FLASK_LIVE_ACTIVITY_PUSH": "null"}
KEYS = {
    "LIVE_ACTIVITY_APNS_KEY": apple_key(),
    "LIVE_ACTIVITY_APNS_KEY_ID": "ABCDE12345",
    "LIVE_ACTIVITY_APNS_TEAM_ID": "TEAM123456",
    "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.allmine",
    "LIVE_ACTIVITY_APNS_ENVIRONMENT": "sandbox",
}


def production(**config: Any) -> Flask:
    """A host that is neither debugged nor tested."""
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="worker",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        **config,
    )
    JWTManager(app)
    live_activity = LiveActivity(app)
    app.extensions["ours"] = live_activity

    @app.get("/health")
    def health() -> str:
        return "well"

    return app


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["routes"],
        ["live-activity", "--help"],
        ["live-activity", "openapi"],
        ["live-activity", "prepare"],
        ["live-activity", "status"],
        ["live-activity", "sessions"],
        ["live-activity", "release", "ada", "iphone"],
        ["live-activity", "forget", "ada", "--yes"],
        ["live-activity", "reopen", STREAM],
        ["live-activity", "purge"],
    ],
    ids=" ".join,
)
def test_a_command_that_pushes_nothing_works(command: list[str], elsewhere: Elsewhere) -> None:
    done = elsewhere.flask(*command, **NO_PUSH)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command", [["worker"], ["deliver"], ["end", STREAM, "ready"]], ids=" ".join
)
def test_a_command_that_pushes_says_what_is_missing(
    command: list[str], elsewhere: Elsewhere
) -> None:
    done = elsewhere.flask("live-activity", *command, **NO_PUSH)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {SAID}")


def test_check_says_what_is_missing_and_looks_at_the_rest(elsewhere: Elsewhere) -> None:
    done = elsewhere.flask("live-activity", "check", **NO_PUSH)
    assert done.returncode == 1
    assert f"FAIL  push: {SAID}" in done.stdout
    assert "ok    storage: SQLStorage is not prepared yet" in done.stdout


# --- who serves -----------------------------------------------------------------------------------


def test_a_server_says_it_when_it_starts_and_serves_nothing(elsewhere: Elsewhere) -> None:
    port = free_port()
    server = elsewhere.start(
        "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket",
        "host_app:create_app()", **NO_PUSH,
    )  # fmt: skip
    with ended(server):
        assert until(lambda: SAID in elsewhere.output), elsewhere.output
        url = f"http://127.0.0.1:{port}/pid"
        assert until(lambda: get(url)), elsewhere.output
        assert get(url) == "500"
        assert f"ConfigurationError: {SAID}" in elsewhere.output


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
def test_each_request_fails(path: str, caplog: pytest.LogCaptureFixture) -> None:
    assert production().test_client().get(path).status_code == 500
    assert SAID in caplog.text


def test_a_phone_is_promised_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = production()
    assert register(app).status_code == 500
    assert installation(app).storage.sessions.page() == []
    assert SAID in caplog.text


def test_making_the_app_outside_a_command_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    production()
    assert [record.levelno for record in caplog.records if SAID in record.getMessage()] == [
        logging.ERROR
    ]


# --- first use ------------------------------------------------------------------------------------


def test_nothing_is_announced() -> None:
    app = production()
    with app.app_context(), pytest.raises(ConfigurationError, match=SAID):
        notify_stream_state(STREAM, "ready")
    assert installation(app).storage.streams.read(STREAM) is None


def test_what_only_reads_or_erases_works() -> None:
    app = production()
    ours: LiveActivity = app.extensions["ours"]
    with app.app_context():
        ours.reopen_stream(STREAM)
        assert ours.release("ada", "iphone") == ours.forget_user("ada") == 0
    assert installation(app).storage.counts(time.time()).active == 0


def test_a_test_that_captures_pushes_needs_none() -> None:
    app = production()
    with capture_pushes(app) as outbox:
        assert app.test_client().post(PATH, json=BODY, headers=bearer(app)).status_code == 200
        with app.app_context():
            notify_stream_state(STREAM, "ready")
    assert len(outbox) == 1


# --- keys of which only some are at hand ----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {key: value for key, value in KEYS.items() if key.endswith("BUNDLE_ID")},
            "Pushing to Apple needs LIVE_ACTIVITY_APNS_KEY, LIVE_ACTIVITY_APNS_KEY_ID",
        ),
        (
            {key: value for key, value in KEYS.items() if not key.endswith("APNS_KEY")},
            "Pushing to Apple needs LIVE_ACTIVITY_APNS_KEY too",
        ),
        (
            KEYS | {"LIVE_ACTIVITY_APNS_KEY": "/run/secrets/not-mounted.p8"},
            "LIVE_ACTIVITY_APNS_KEY is neither the text of a .p8 file nor the path",
        ),
        (
            KEYS | {"LIVE_ACTIVITY_APNS_CA": "/run/secrets/not-mounted.pem"},
            "LIVE_ACTIVITY_APNS_CA: there is no file",
        ),
        ({"LIVE_ACTIVITY_PUSH": "apns"}, "Pushing to Apple needs LIVE_ACTIVITY_APNS_KEY,"),
        ({"LIVE_ACTIVITY_PUSH": "apns2"}, "Pushing to Apple needs LIVE_ACTIVITY_APNS_KEY,"),
    ],
)
def test_what_an_image_is_built_without_is_missed_at_the_first_use(
    given: dict[str, str], said: str
) -> None:
    app = production(**given)
    with app.app_context(), pytest.raises(ConfigurationError) as missed:
        notify_stream_state(STREAM, "ready")
    assert str(missed.value).startswith(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"LIVE_ACTIVITY_APNS_KEY_ID": "short"},
        {"LIVE_ACTIVITY_APNS_ENVIRONMENT": "staging"},
        {"LIVE_ACTIVITY_APNS_BUNDLE_ID": "com/example"},
        {"LIVE_ACTIVITY_APNS_SERVER": "http://plain", "LIVE_ACTIVITY_APNS_KEY_ID": "ABCDE12345"},
        {"LIVE_ACTIVITY_APNZ_KEY": "typo"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_wrong_is_said_at_once(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        production(**wrong)


def test_a_key_that_is_mounted_later_is_read(tmp_path: Path) -> None:
    """The server reads it when it starts."""
    file = tmp_path / "AuthKey.p8"
    given = KEYS | {"LIVE_ACTIVITY_APNS_KEY": str(file)}
    production(**given)
    file.write_text(KEYS["LIVE_ACTIVITY_APNS_KEY"])
    assert production(**given).test_client().get("/health").text == "well"


@pytest.mark.parametrize("how", ["DEBUG", "TESTING"])
def test_in_development_some_keys_of_several_are_missed_at_once(how: str) -> None:
    with pytest.raises(ConfigurationError, match="Pushing to Apple needs"):
        production(LIVE_ACTIVITY_APNS_KEY_ID="ABCDE12345", **{how: True})
