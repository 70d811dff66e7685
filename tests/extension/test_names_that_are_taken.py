"""Names that a host or another extension has taken already."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFProtect

from flask_allmine_liveactivity import ConfigurationError, LiveActivity

from .apps import ENVELOPE, PATH, bare_app, register

OURS = {"LIVE_ACTIVITY_BLUEPRINT_NAME": "live_activity_sessions"}


def a_host(**config: object) -> Flask:
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        **config,
    )
    JWTManager(app)
    return app


def theirs(name: str = "live_activity") -> Blueprint:
    blueprint = Blueprint(name, __name__, url_prefix="/theirs")
    blueprint.add_url_rule("/", "index", lambda: "theirs")
    return blueprint


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_hosts_blueprint_may_have_our_name_where_ours_has_another(first: str) -> None:
    app = a_host(**OURS)
    if first == "ours":
        LiveActivity(app)
    app.register_blueprint(theirs())
    if first == "theirs":
        LiveActivity(app)
    assert app.test_client().get("/theirs/").text == "theirs"
    assert register(app).status_code == 200
    refused = app.test_client().post(PATH)
    assert refused.status_code == 401
    assert list(refused.get_json()) == ENVELOPE


@pytest.mark.parametrize("name", ["live_activity", "live_activity_sessions"])
def test_a_name_that_is_taken_is_said_with_the_setting(name: str) -> None:
    app = a_host(LIVE_ACTIVITY_BLUEPRINT_NAME=name)
    app.register_blueprint(theirs(name))
    with pytest.raises(ConfigurationError) as refused:
        LiveActivity(app)
    assert str(refused.value).startswith(f"This app has a blueprint named '{name}' already")
    assert "LIVE_ACTIVITY_BLUEPRINT_NAME" in str(refused.value)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "1st", "ü", 5, "x" * 101])
def test_a_blueprint_name_that_is_none(name: object) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_BLUEPRINT_NAME must be"):
        LiveActivity(a_host(LIVE_ACTIVITY_BLUEPRINT_NAME=name))


def test_under_another_name_it_is_exempted_from_csrf_protection_and_limited() -> None:
    app = a_host(SECRET_KEY="another secret of the tests", **OURS)
    csrf, limiter = CSRFProtect(app), Limiter(lambda: "everybody", app=app, storage_uri="memory://")
    live_activity = LiveActivity(app)
    csrf.exempt(live_activity.blueprint)
    limiter.limit("1/minute")(live_activity.blueprint)
    assert [register(app).status_code for _ in range(2)] == [200, 429]


def test_one_object_serves_apps_under_different_names() -> None:
    live_activity = LiveActivity()
    for config in ({}, OURS):
        app = a_host(**config)
        live_activity.init_app(app)
        assert list(app.blueprints) == [config.get("LIVE_ACTIVITY_BLUEPRINT_NAME", "live_activity")]
        assert register(app).status_code == 200


def test_what_a_host_keeps_under_our_name_is_not_taken_for_us() -> None:
    app = a_host()
    app.extensions["live_activity"] = {"theirs": True}
    with pytest.raises(ConfigurationError, match=r'app.extensions\["live_activity"\] is ours'):
        LiveActivity(app)
