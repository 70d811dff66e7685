"""``LIVE_ACTIVITY_PREPARE``: who makes the tables, and what an app says that finds none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, text

from flask_allmine_liveactivity import ConfigurationError, MemoryStorage, SQLStorage
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED

from .apps import register
from .test_cli import run

Make = Callable[..., Flask]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/live_activity.db"


@pytest.fixture
def app(apps: Make, uri: str) -> Flask:
    return apps(LIVE_ACTIVITY_STORAGE_URI=uri, LIVE_ACTIVITY_PREPARE="command")


def test_until_the_command_is_run_requests_fail_and_the_log_says_what_to_do(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    assert register(app).status_code == 503
    assert "flask live-activity prepare" in caplog.text
    checked = run(app, "check")
    assert checked.exit_code == 1
    assert f"version {WANTED.number} is wanted" in checked.output
    assert run(app, "prepare").exit_code == 0
    assert register(app).status_code == 200
    assert f"version {WANTED.number} of the tables stands" in run(app, "check").output


def test_by_default_the_first_request_makes_them(apps: Make, uri: str) -> None:
    app = apps(LIVE_ACTIVITY_STORAGE_URI=uri)
    checked = run(app, "check")
    assert checked.exit_code == 0
    assert "there are no tables" in checked.output
    assert register(app).status_code == 200


def test_a_newer_schema_that_it_cannot_use_is_a_503_and_is_left_alone(
    apps: Make, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(uri)
    SQLStorage(engine).prepare()
    newer = f"{WANTED.number + 1}.{WANTED.number + 1}"
    with engine.begin() as connection:
        connection.execute(text("UPDATE live_activity_schema SET version_num = :v"), {"v": newer})
    app = apps(LIVE_ACTIVITY_STORAGE_URI=uri)
    assert register(app).status_code == 503
    assert "flask live-activity check" in caplog.text
    refused = run(app, "prepare")
    assert refused.exit_code == 1
    assert f"has version {WANTED.number + 1} of the tables" in refused.output
    assert inspect(engine).has_table("live_activity_schema")
    engine.dispose()


def test_it_must_be_one_of_the_two(apps: Make) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_PREPARE must be one of"):
        apps(LIVE_ACTIVITY_PREPARE="never")


def test_a_storage_that_is_passed_as_an_object_says_it_itself(apps: Make) -> None:
    with pytest.raises(ConfigurationError, match="prepare='command'"):
        apps(given={"storage": MemoryStorage()}, LIVE_ACTIVITY_PREPARE="command")
