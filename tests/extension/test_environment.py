"""Settings from the environment: what is no JSON stays a text, and the error says what to write."""

from __future__ import annotations

from typing import Any

import pytest

from flask_allmine_liveactivity import ConfigurationError, LiveActivity
from flask_allmine_liveactivity.app.settings import Settings

from .apps import bare_app, installation


def from_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings as ``from_prefixed_env`` reads them; ``init_app`` checks them."""
    for name, value in variables.items():
        monkeypatch.setenv(f"FLASK_LIVE_ACTIVITY_{name}", value)
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="memory://", LIVE_ACTIVITY_DELIVERY="inline", TESTING=True
    )
    app.config.from_prefixed_env()
    LiveActivity(app)
    return installation(app).settings


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        from_environment(monkeypatch, **variables)
    return str(refused.value)


@pytest.mark.parametrize(
    ("written", "json"),
    [("True", "true"), ("False", "false"), ("TRUE", "true"), ("None", "null"), ('"none"', "null")],
)
@pytest.mark.parametrize(
    "name",
    [
        "ALLOW_ANY_STREAM",
        "SIMULATOR_UI",
        "MAX_SESSIONS_PER_USER",
        "DISMISS_AFTER",
        "LEASE",
        "STORAGE_OPTIONS",
        "API_SERVERS",
        "PUSH",
        "DELIVERY",
        "CELERY_QUEUE",
        "STORAGE_URI",
        "API_REFERENCE",
        "URL_PREFIX",
        "STREAM_ID_PATTERN",
        "APNS_CA",
    ],
)
def test_what_python_calls_otherwise(
    name: str, written: str, json: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(monkeypatch, **{name: written})
    assert said.startswith(f"LIVE_ACTIVITY_{name} is the text")
    assert f"write {json}, in small letters and without quotes" in said


@pytest.mark.parametrize("written", ["1", "0", "yes", "no", "on", "off", '"1"', '"true"'])
def test_a_flag_that_is_none(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, ALLOW_ANY_STREAM=written)
    assert said.startswith("LIVE_ACTIVITY_ALLOW_ANY_STREAM must be True or False")
    assert said.endswith("write true or false, without quotes.")


@pytest.mark.parametrize("written", ["'console'", "'''", "\"'console'\"", "'\"console\"'"])
@pytest.mark.parametrize("name", ["PUSH", "DELIVERY", "STORAGE_URI", "APNS_KEY_ID", "LEASE"])
def test_quotes_that_the_shell_has_not_taken(
    name: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(monkeypatch, **{name: written})
    assert said.startswith(f"LIVE_ACTIVITY_{name} has quotes around its value")


@pytest.mark.parametrize(
    "written",
    [
        "{'password': 'hunter2'}",
        '{"password": "hunter2", "ssl": True}',
        '{"password": "hunter2",}',
        "password=hunter2",
    ],
)
def test_a_mapping_that_is_no_json(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, STORAGE_OPTIONS=written)
    assert said.startswith("LIVE_ACTIVITY_STORAGE_OPTIONS must be a mapping, and is a str.")
    assert "double quotes" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("90s", "In seconds that is 90."),
        ("5m", "In seconds that is 300."),
        ("5 min", "In seconds that is 300."),
        ("1.5h", "In seconds that is 5400."),
        ("2 Days", "In seconds that is 172800."),
        ("0:05:00", "In seconds that is 300."),
        ('"60"', "Without quotes it is one: 60."),
    ],
)
@pytest.mark.parametrize("name", ["LEASE", "SESSION_LIFETIME", "DISMISS_AFTER"])
def test_a_duration_with_a_unit(
    name: str, written: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = refusal(monkeypatch, **{name: written})
    assert told.startswith(f"LIVE_ACTIVITY_{name} must be seconds")
    assert told.endswith(said)


def test_a_duration_by_state_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, DISMISS_AFTER="{'ready': 60}")
    assert said.endswith('A mapping by state is JSON: {"ready": 60}.')


@pytest.mark.parametrize("name", ["BATCH_SIZE", "MAX_SESSIONS_PER_USER", "APNS_CONNECTIONS"])
def test_a_count_in_quotes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, **{name: '"5"'}).endswith("Without quotes it is one: 5.")


@pytest.mark.parametrize(
    ("variables", "read"),
    [
        ({"ALLOW_ANY_STREAM": "true"}, ("allow_any_stream", True)),
        ({"MAX_SESSIONS_PER_USER": "null"}, ("max_sessions_per_user", None)),
        ({"LEASE": "90"}, ("lease", 90.0)),
        ({"STORAGE_OPTIONS": '{"a": 1}'}, ("storage_options", {"a": 1})),
        ({"URL_PREFIX": "/api"}, ("url_prefix", "/api")),
    ],
)
def test_what_is_json_is_read(
    variables: dict[str, str], read: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = read
    assert getattr(from_environment(monkeypatch, **variables), name) == value
