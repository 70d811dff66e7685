"""``capture_pushes``: whatever the configuration says, and afterwards all is as it was."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token

from flask_allmine_liveactivity import (
    ConfigurationError,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    notify_stream_state,
)
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.testing import Outbox, capture_pushes

from .host import ENDED_STREAM, OTHER_STREAM, PATH, STREAM, create_app

BODY = {
    "streamId": STREAM,
    "deviceId": "iphone-15-pro-max",
    "liveActivityToken": "live_activity_runtime_token",
    "activityId": "live-activity-123",
}


def cancel(app: Flask, stream_id: str = STREAM) -> None:
    with app.app_context():
        notify_stream_state(stream_id, "cancelled")


# --- where a push may come from --------------------------------------------------------------


def test_a_push_of_a_request_is_caught(app: Flask, client: FlaskClient) -> None:
    with capture_pushes(app) as outbox:
        token = outbox.register(STREAM)
        answer = client.post(f"/streams/{STREAM}/cancel")
    assert answer.json == {"queued": False, "delivered": 1}
    assert [push.token for push in outbox] == [token]


def test_a_push_of_an_application_context_is_caught(app: Flask) -> None:
    with capture_pushes(app) as outbox, app.app_context():
        outbox.register(STREAM)
        report = notify_stream_state(STREAM, "ready")
    assert (report.queued, report.delivered, len(outbox)) == (False, 1, 1)


def test_a_push_of_an_application_context_that_was_there_before_is_caught(app: Flask) -> None:
    with app.app_context(), capture_pushes(app) as outbox:
        outbox.register(STREAM)
        notify_stream_state(STREAM, "ready")
    assert len(outbox) == 1


def test_a_push_of_a_thread_is_caught(app: Flask) -> None:
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        thread = threading.Thread(target=cancel, args=(app,))
        thread.start()
        thread.join()
    assert len(outbox) == 1


def test_a_push_of_a_command_of_the_hosts_is_caught(app: Flask) -> None:
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        done = app.test_cli_runner().invoke(args=["cancel"])
    assert (done.exit_code, len(outbox)) == (0, 1)


def test_a_push_of_a_command_of_ours_is_caught(app: Flask) -> None:
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        done = app.test_cli_runner().invoke(args=["live-activity", "end", STREAM, "ready"])
    assert (done.exit_code, len(outbox)) == (0, 1), done.output


def test_a_phone_registers_at_the_endpoint(app: Flask, client: FlaskClient, login: Any) -> None:
    with capture_pushes(app) as outbox:
        answer = client.post(PATH, json=BODY, headers=login("ada"))
        cancel(app)
    assert answer.status_code == 200
    [push] = outbox
    assert (push.user_id, push.device_id, push.activity_id, push.token) == (
        "ada",
        "iphone-15-pro-max",
        "live-activity-123",
        "live_activity_runtime_token",
    )


def test_the_guard_is_asked_at_the_endpoint(app: Flask, client: FlaskClient, login: Any) -> None:
    with capture_pushes(app):
        assert client.post(PATH, json=BODY, headers=login("eve")).status_code == 404


def test_the_end_that_the_guard_knows_of_is_told(
    app: Flask, client: FlaskClient, login: Any
) -> None:
    with capture_pushes(app) as outbox:
        answer = client.post(PATH, json={**BODY, "streamId": ENDED_STREAM}, headers=login())
    assert answer.status_code == 409
    assert [push.content_state for push in outbox] == [{"phase": "expired"}]


# --- whatever the configuration says ---------------------------------------------------------


@pytest.mark.parametrize("delivery", ["thread", "worker", "inline"])
def test_the_way_of_delivering_does_not_matter(delivery: str) -> None:
    app = create_app(LIVE_ACTIVITY_DELIVERY=delivery)
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        cancel(app)
        assert len(outbox) == 1


def test_what_was_changed_after_the_app_was_made_does_not_matter(app: Flask) -> None:
    app.config.update(
        TESTING=True,
        LIVE_ACTIVITY_PUSH="console",
        LIVE_ACTIVITY_DELIVERY="worker",
        LIVE_ACTIVITY_STORAGE_URI="mongodb://192.0.2.3/allmine",
        LIVE_ACTIVITY_NO_SUCH_KEY=1,
    )
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        cancel(app)
    assert len(outbox) == 1


def test_a_storage_and_a_backend_of_the_hosts_are_not_used() -> None:
    storage, push = MemoryStorage(), MemoryPush()
    app = Flask("host")
    LiveActivity(app, storage=storage, push=push)
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        cancel(app)
    assert len(outbox) == 1
    assert (push.sent, storage.sessions.page(), storage.streams.read(STREAM)) == ([], [], None)


OPENED: list[object] = []


def open_storage(*_: object) -> MemoryStorage:
    OPENED.append(storage := MemoryStorage())
    return storage


def open_push(*_: object) -> MemoryPush:
    OPENED.append(push := MemoryPush())
    return push


def test_nothing_that_is_configured_is_opened() -> None:
    app = create_app(
        LIVE_ACTIVITY_STORAGE_URI=f"{__name__}:open_storage",
        LIVE_ACTIVITY_PUSH=f"{__name__}:open_push",
        LIVE_ACTIVITY_DELIVERY="inline",
    )
    with app.app_context():
        headers = {"Authorization": f"Bearer {create_access_token('ada')}"}
    client = app.test_client()
    with capture_pushes(app):
        assert client.post(PATH, json=BODY, headers=headers).status_code == 200
        client.post(f"/streams/{STREAM}/cancel")
    assert not OPENED
    client.post(f"/streams/{STREAM}/cancel")
    assert len(OPENED) == 2


def test_no_thread_is_started(app: Flask, client: FlaskClient) -> None:
    before = set(threading.enumerate())
    with capture_pushes(app):
        client.post(f"/streams/{STREAM}/cancel")
        started = set(threading.enumerate()) - before
    assert "live-activity-delivery" not in {thread.name for thread in started}


# --- and afterwards --------------------------------------------------------------------------


@pytest.fixture
def push() -> MemoryPush:
    return MemoryPush()


@pytest.fixture
def reachable(push: MemoryPush) -> Flask:
    """An app whose own storage and push can be looked at."""
    app = Flask("host")
    app.config.update(LIVE_ACTIVITY_DELIVERY="inline", LIVE_ACTIVITY_ALLOW_ANY_STREAM=True)
    LiveActivity(app, storage=MemoryStorage(), push=push)
    return app


def sign_up(app: Flask, token: str) -> None:
    with app.app_context():
        installed_on(app).register(
            user_id="ada", stream_id=STREAM, device_id="d", activity_id=token, token=token
        )


def tokens(pushes: Any) -> list[str]:
    return [push.token for push in pushes]


def test_what_is_configured_is_used_again(reachable: Flask, push: MemoryPush) -> None:
    before = installed_on(reachable).parts, installed_on(reachable).dispatch
    sign_up(reachable, "aa")
    with capture_pushes(reachable) as outbox:
        sign_up(reachable, "bb")
    assert (installed_on(reachable).parts, installed_on(reachable).dispatch) == before
    cancel(reachable)
    assert (tokens(push.sent), tokens(outbox)) == (["aa"], [])


def test_it_is_used_again_after_an_exception(reachable: Flask, push: MemoryPush) -> None:
    sign_up(reachable, "aa")
    with pytest.raises(LookupError), capture_pushes(reachable):
        raise LookupError
    cancel(reachable)
    assert tokens(push.sent) == ["aa"]


def test_each_block_begins_empty(app: Flask) -> None:
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
    with capture_pushes(app) as outbox:
        cancel(app)
    assert len(outbox) == 0


def test_the_outbox_can_be_read_after_the_block(app: Flask) -> None:
    with capture_pushes(app) as outbox:
        outbox.register(STREAM)
        cancel(app)
    assert outbox[0].event == "end"


def test_an_inner_block_stands_for_itself(app: Flask) -> None:
    with capture_pushes(app) as outer:
        outer.register(STREAM, token="outer")
        with capture_pushes(app) as inner:
            inner.register(STREAM, token="inner")
            cancel(app)
        cancel(app)
    assert (tokens(inner), tokens(outer)) == (["inner"], ["outer"])


def test_blocks_may_end_in_any_order(reachable: Flask, push: MemoryPush) -> None:
    first, second = capture_pushes(reachable), capture_pushes(reachable)
    first.__enter__()
    outbox = second.__enter__()
    first.__exit__(None, None, None)
    outbox.register(STREAM)
    cancel(reachable)
    second.__exit__(None, None, None)
    assert (len(outbox), push.sent) == (1, [])
    sign_up(reachable, "aa")
    cancel(reachable)
    assert tokens(push.sent) == ["aa"]


def test_two_apps_are_two(app: Flask) -> None:
    other = create_app()
    with capture_pushes(app) as of_this, capture_pushes(other) as of_the_other:
        of_this.register(STREAM)
        of_the_other.register(STREAM)
        cancel(app)
    assert (len(of_this), len(of_the_other)) == (1, 0)


def test_an_app_without_the_extension_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="not installed"), capture_pushes(Flask("host")):
        pass


def test_other_streams_are_not_told(app: Flask, live_activity_outbox: Outbox) -> None:
    live_activity_outbox.register(OTHER_STREAM)
    cancel(app)
    assert len(live_activity_outbox) == 0
