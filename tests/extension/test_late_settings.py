"""Settings that are changed when they have been read already."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity.testing import capture_pushes

from .apps import STREAM, register

Make = Callable[..., Flask]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LIVE_ACTIVITY_PUSH", "console"),
        ("LIVE_ACTIVITY_STORAGE_URI", "sqlite:///elsewhere.db"),
        ("LIVE_ACTIVITY_LEASE", 30),
        ("LIVE_ACTIVITY_NO_SUCH_KEY", True),
    ],
)
def test_the_first_use_warns_of_them_once(
    key: str, value: Any, apps: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = apps()
    app.config[key] = value
    for _ in range(2):
        assert register(app).status_code == 200
    (record,) = [record for record in caplog.records if "has no effect" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{key} changed after LiveActivity.init_app(app)")


def test_check_says_so(apps: Make) -> None:
    app = apps()
    del app.config["LIVE_ACTIVITY_PUSH"]
    done = app.test_cli_runner().invoke(args=["live-activity", "check"])
    assert done.exit_code == 1
    assert "FAIL  configuration: LIVE_ACTIVITY_PUSH changed after" in done.output


def test_other_keys_may_change(apps: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = apps()
    app.config.update(TESTING=True, MAIL_SERVER="localhost", LIVE_ACTIVITY_LEASE_=1)
    del app.config["LIVE_ACTIVITY_LEASE_"]
    register(app)
    assert "has no effect" not in caplog.text


def test_who_captures_pushes_is_not_warned(apps: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = apps()
    app.config["LIVE_ACTIVITY_PUSH"] = "console"
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        register(app)
    assert "has no effect" not in caplog.text
