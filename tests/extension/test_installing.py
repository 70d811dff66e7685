"""``LiveActivity``: on one app, on several, beside other extensions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, jsonify
from flask.json.provider import DefaultJSONProvider
from flask_jwt_extended import JWTManager
from flask_wtf.csrf import CSRFProtect

from flask_allmine_liveactivity import (
    ConfigurationError,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    notify_stream_state,
)

from .apps import (
    BODY,
    ENVELOPE,
    OTHER_STREAM,
    PATH,
    STREAM,
    THREAD,
    TOKEN,
    bare_app,
    bearer,
    installation,
    make_app,
    register,
    told,
)

Make = Callable[..., Flask]


def test_a_second_init_app_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="installed on this app already"):
        LiveActivity(app)


def test_a_second_init_app_of_the_same_object_is_refused() -> None:
    live_activity = LiveActivity()
    app = bare_app(LIVE_ACTIVITY_PUSH="memory", LIVE_ACTIVITY_STORAGE_URI="memory://")
    live_activity.init_app(app)
    with pytest.raises(ConfigurationError, match="once for each app"):
        live_activity.init_app(app)


def test_one_object_serves_several_apps() -> None:
    live_activity = LiveActivity()
    live_activity.stream_guard(lambda stream_id, user_id: None)
    made = []
    for _ in range(2):
        app = bare_app(
            LIVE_ACTIVITY_PUSH="memory",
            LIVE_ACTIVITY_STORAGE_URI="memory://",
            LIVE_ACTIVITY_DELIVERY="inline",
        )
        JWTManager(app)
        live_activity.init_app(app)
        made.append(app)
    first, second = made
    assert register(first).status_code == register(second, "bob").status_code == 200
    with first.app_context():
        notify_stream_state(STREAM, "ready")
    assert (told(first), told(second)) == ([TOKEN], [])


def test_an_app_factory_with_blueprints_of_its_own() -> None:
    live_activity = LiveActivity()
    site = Blueprint("site", __name__)

    @site.post("/streams/<stream_id>/cancel")
    def cancel(stream_id: str):
        return jsonify(revision=notify_stream_state(stream_id, "cancelled").revision)

    def create_app() -> Flask:
        app = bare_app(
            LIVE_ACTIVITY_PUSH="memory",
            LIVE_ACTIVITY_STORAGE_URI="memory://",
            LIVE_ACTIVITY_DELIVERY="inline",
            LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        )
        live_activity.init_app(app)
        JWTManager(app)
        app.register_blueprint(site, url_prefix="/host")
        return app

    app = create_app()
    register(app)
    assert app.test_client().post(f"/host/streams/{STREAM}/cancel").json == {"revision": 1}
    assert told(app) == [TOKEN]


def test_a_storage_and_a_push_of_the_hosts_are_used(apps: Make) -> None:
    storage, push = MemoryStorage(), MemoryPush()
    app = apps(given={"storage": storage, "push": push})
    assert installation(app).storage is storage
    assert installation(app).push is push


def test_what_init_app_is_given_wins_over_the_constructor() -> None:
    first, second = MemoryPush(), MemoryPush()
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://")
    LiveActivity(push=first).init_app(app, push=second)
    assert installation(app).push is second


def test_a_push_in_the_configuration_may_be_an_object(apps: Make) -> None:
    push = MemoryPush()
    assert installation(apps(LIVE_ACTIVITY_PUSH=push)).push is push


@pytest.mark.parametrize("name", ["storage", "push"])
def test_what_is_given_must_be_of_the_right_kind(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}= must be a .*, and is a str"):
        make_app(given={"push": MemoryPush()} | {name: "text"})


def test_what_the_host_gave_stays_open() -> None:
    closed: list[str] = []

    class Storage(MemoryStorage):
        def close(self) -> None:
            closed.append("storage")

    class Push(MemoryPush):
        def close(self) -> None:
            closed.append("push")

    app = make_app(given={"storage": Storage(), "push": Push()})
    register(app)
    installation(app).close()
    assert closed == []


def test_without_the_extension_a_call_says_what_to_do() -> None:
    with bare_app().app_context(), pytest.raises(ConfigurationError, match="init_app"):
        notify_stream_state(STREAM, "ready")


def test_without_an_app_context_a_call_is_flasks_error() -> None:
    with pytest.raises(RuntimeError, match="application context"):
        notify_stream_state(STREAM, "ready")


# --- Flask-JWT-Extended ---------------------------------------------------------------------------


def without_jwt(**config: Any) -> Flask:
    app = bare_app(
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        **config,
    )
    LiveActivity(app)
    return app


def test_a_missing_jwt_manager_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"no JWTManager: call JWTManager\(app\)"):
        without_jwt(TESTING=True).test_client().post(PATH, json=BODY)


def test_a_missing_jwt_manager_is_a_500_in_the_envelope() -> None:
    response = without_jwt().test_client().post(PATH, json=BODY)
    assert response.status_code == 500
    assert list(response.get_json()) == ENVELOPE


def test_a_jwt_manager_may_come_after_us() -> None:
    app = without_jwt()
    JWTManager(app)
    assert register(app).status_code == 200


# --- other extensions and settings of the host's --------------------------------------------------


@pytest.fixture
def protected() -> tuple[Flask, CSRFProtect, LiveActivity]:
    app = bare_app(
        SECRET_KEY="s",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    JWTManager(app)
    return app, CSRFProtect(app), LiveActivity(app)


def test_csrf_protection_lets_an_exempted_blueprint_pass(protected) -> None:
    app, csrf, live_activity = protected
    csrf.exempt(live_activity.blueprint)
    assert register(app).status_code == 200


def test_csrf_protection_without_exemption_answers_in_the_envelope(protected) -> None:
    app, _, _ = protected
    response = register(app)
    assert response.status_code == 400
    assert list(response.get_json()) == ENVELOPE


def test_the_hosts_json_provider_is_not_asked(apps: Make) -> None:
    class Broken(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            raise AssertionError("asked")

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            raise AssertionError("asked")

    import json

    app = apps()
    app.json = Broken(app)
    header = bearer(app)
    response = app.test_client().post(
        PATH, data=json.dumps(BODY), headers=header, content_type="application/json"
    )
    assert response.data == b'{"success": true}'


def test_the_hosts_largest_body_stays_the_hosts(apps: Make) -> None:
    app = apps(MAX_CONTENT_LENGTH=100_000)

    @app.post("/upload")
    def upload():
        from flask import request

        return str(len(request.get_data()))

    client = app.test_client()
    register(app)
    assert client.post("/upload", data=b"x" * 90_000).data == b"90000"
    assert client.post("/upload", data=b"x" * 100_001).status_code == 413


def test_nothing_of_the_hosts_configuration_is_changed() -> None:
    app = bare_app(LIVE_ACTIVITY_PUSH="memory", LIVE_ACTIVITY_STORAGE_URI="memory://")
    before = dict(app.config)
    LiveActivity(app)
    assert dict(app.config) == before


def test_configuration_that_comes_later_is_too_late(apps: Make) -> None:
    app = apps()
    app.config["LIVE_ACTIVITY_URL_PREFIX"] = "/elsewhere"
    assert register(app).status_code == 200


# --- the delivering thread ------------------------------------------------------------------------


def threads() -> set[threading.Thread]:
    """Those that deliver; one of an earlier test's app may end meanwhile."""
    return {thread for thread in threading.enumerate() if thread.name == THREAD}


def test_init_app_starts_no_thread(apps: Make) -> None:
    before = threads()
    apps(LIVE_ACTIVITY_DELIVERY="thread")
    assert threads() <= before


@pytest.mark.parametrize("path", ["/nowhere", "/"])
def test_the_first_request_of_any_kind_starts_the_thread(apps: Make, path: str) -> None:
    before = threads()
    app = apps(LIVE_ACTIVITY_DELIVERY="thread")
    assert app.test_client().get(path).status_code == 404
    assert len(threads() - before) == 1


def test_a_request_that_the_host_answers_early_starts_the_thread(apps: Make) -> None:
    before = threads()
    app = apps(LIVE_ACTIVITY_DELIVERY="thread")
    app.before_request_funcs.setdefault(None, []).insert(0, lambda: ("down", 503))
    app.test_client().get("/")
    assert len(threads() - before) == 1


def test_further_requests_start_no_other_thread(apps: Make) -> None:
    before = threads()
    app = apps(LIVE_ACTIVITY_DELIVERY="thread")
    for _ in range(5):
        app.test_client().get("/")
    assert len(threads() - before) == 1


def test_closing_ends_the_thread(apps: Make) -> None:
    before = threads()
    app = apps(LIVE_ACTIVITY_DELIVERY="thread")
    app.test_client().get("/")
    installation(app).close()
    assert threads() <= before


@pytest.mark.parametrize("delivery", ["inline", "worker"])
def test_other_ways_of_delivery_start_no_thread(apps: Make, delivery: str) -> None:
    before = threads()
    app = apps(LIVE_ACTIVITY_DELIVERY=delivery)
    register(app)
    assert threads() <= before


def no_storage() -> None:
    raise RuntimeError("no storage today")


def test_a_storage_that_cannot_be_opened_leaves_the_hosts_routes_alone(
    apps: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = apps(LIVE_ACTIVITY_DELIVERY="thread", LIVE_ACTIVITY_STORAGE_URI=f"{__name__}:no_storage")
    app.add_url_rule("/mine", view_func=lambda: "mine", endpoint="mine")
    assert [app.test_client().get("/mine").data for _ in range(3)] == [b"mine"] * 3
    assert caplog.text.count("delivery could not be started") == 1


def test_an_unused_stream_is_nobodys(apps: Make) -> None:
    app = apps()
    register(app)
    with app.app_context():
        notify_stream_state(OTHER_STREAM, "ready")
    assert told(app) == []
