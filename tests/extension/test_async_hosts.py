"""Callbacks and views, ``async`` or not, in every pairing and behind ASGI."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import (
    LiveActivity,
    StreamForbidden,
    StreamState,
    notify_stream_state,
)
from flask_allmine_liveactivity.signals import stream_ended

from .apps import BODY, OTHER_STREAM, PATH, STREAM, bare_app, bearer, installation, register

CONTENT = {"phase": "over"}


async def an_async_function(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


class AnObject:
    """With an ``async`` call: no ``async def`` can be seen from outside."""

    def __init__(self, value: Any) -> None:
        self.value = value

    async def __call__(self, *_: object) -> Any:
        return await an_async_function(self.value)


def a_method(value: Any) -> Callable[..., Any]:
    return AnObject(value).__call__


def an_async_def(value: Any) -> Callable[..., Any]:
    async def callback(*_: object) -> Any:
        return await an_async_function(value)

    return callback


def decorated(value: Any) -> Callable[..., Any]:
    """By a decorator that returns a plain function around an ``async`` one."""
    callback = an_async_def(value)
    return lambda *arguments: callback(*arguments)


def a_partial(value: Any) -> Callable[..., Any]:
    return functools.partial(an_async_def(value), "one more")


def plain(value: Any) -> Callable[..., Any]:
    return lambda *_: value


KINDS = [plain, an_async_def, decorated, a_partial, AnObject, a_method]


@pytest.fixture
def host() -> Flask:
    """A host with an ``async`` view and a plain one that end a stream."""
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        TESTING=True,
    )
    JWTManager(app)
    app.extensions["ours"] = LiveActivity(app)

    @app.get("/async/<stream_id>")
    async def ends_in_a_loop(stream_id: str) -> str:
        await asyncio.sleep(0)
        return str(notify_stream_state(stream_id, "cancelled").delivered)

    @app.get("/plain/<stream_id>")
    def ends(stream_id: str) -> str:
        return str(notify_stream_state(stream_id, "cancelled").delivered)

    @app.get("/thread/<stream_id>")
    async def ends_in_a_thread(stream_id: str) -> str:
        report = await asyncio.to_thread(notify_stream_state, stream_id, "cancelled")
        return str(report.delivered)

    return app


def live_activity(app: Flask) -> LiveActivity:
    ours = app.extensions["ours"]
    assert isinstance(ours, LiveActivity)
    return ours


def content_told(app: Flask) -> Any:
    payload = installation(app).push.sent[-1].payload  # type: ignore[attr-defined]
    return json.loads(payload)["aps"].get("content-state")


def through_asgi(app: Flask, path: str) -> int:
    """Ask the app as an ASGI server does, in an event loop that serves it."""

    async def ask() -> int:
        server = ApplicationCommunicator(
            WsgiToAsgi(app),
            {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "path": path,
                "query_string": b"",
                "headers": [],
            },
        )
        await server.send_input({"type": "http.request", "body": b""})
        begun = await server.receive_output(10)
        while (await server.receive_output(10)).get("more_body"):
            pass
        await server.wait(10)
        return int(begun["status"])

    return asyncio.run(ask())


@pytest.mark.parametrize("view", ["plain", "async", "thread"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_final_content_reaches_the_phone(
    host: Flask, kind: Callable[..., Any], view: str
) -> None:
    live_activity(host).content_state(kind(CONTENT))
    register(host)
    assert host.test_client().get(f"/{view}/{STREAM}").text == "1"
    assert content_told(host) == CONTENT


@pytest.mark.parametrize("view", ["plain", "async", "thread"])
@pytest.mark.parametrize("kind", [plain, an_async_def])
def test_a_final_content_reaches_the_phone_from_behind_asgi(
    host: Flask, kind: Callable[..., Any], view: str
) -> None:
    live_activity(host).content_state(kind(CONTENT))
    register(host)
    assert through_asgi(host, f"/{view}/{STREAM}") == 200
    assert content_told(host) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_may_announce_from_an_event_loop_of_its_own(
    host: Flask, kind: Callable[..., Any]
) -> None:
    live_activity(host).content_state(kind(CONTENT))
    register(host)

    async def ends() -> int | None:
        return notify_stream_state(STREAM, "ready").delivered

    with host.app_context():
        assert asyncio.run(ends()) == 1
    assert content_told(host) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_the_guard_and_the_user_id_are_asked_at_a_registration(
    host: Flask, kind: Callable[..., Any]
) -> None:
    live_activity(host).stream_guard(kind(StreamState.READY))
    live_activity(host).user_id_loader(kind("the user of the token"))
    assert register(host).status_code == 409
    assert [push.session.user_id for push in installation(host).push.sent] == [  # type: ignore[attr-defined]
        "the user of the token"
    ]


def test_the_guard_is_asked_where_an_async_view_registers(host: Flask) -> None:
    """A host that speaks to its own endpoint: the loop of that view runs in this very thread."""
    live_activity(host).stream_guard(an_async_def(StreamState.READY))
    live_activity(host).user_id_loader(an_async_def("alice"))

    @host.get("/registers")
    async def registers() -> str:
        answer = current_app.test_client().post(PATH, json=BODY, headers=bearer(host))
        return str(answer.status_code)

    assert host.test_client().get("/registers").text == "409"


def test_what_an_async_guard_raises_is_the_phones_answer(host: Flask) -> None:
    async def guard(stream_id: str, user_id: str) -> None:
        raise StreamForbidden

    live_activity(host).stream_guard(guard)
    assert register(host).status_code == 403


def test_what_an_async_guard_returns_is_looked_at(host: Flask) -> None:
    live_activity(host).stream_guard(an_async_def(False))
    with pytest.raises(TypeError, match="the stream guard must return None or a StreamState"):
        register(host)


def test_an_async_callback_is_called_in_the_callers_context(host: Flask) -> None:
    seen: list[object] = []

    @live_activity(host).content_state
    async def content_state(stream_id: str, state: StreamState) -> dict[str, str]:
        seen.extend([current_app._get_current_object(), request.path, g.said])  # type: ignore[attr-defined]
        g.answered = True
        return CONTENT

    @host.get("/in-context")
    async def view() -> str:
        g.said = "by the view"
        notify_stream_state(STREAM, "ready")
        return str(g.answered)

    assert host.test_client().get("/in-context").text == "True"
    assert seen == [host, "/in-context", "by the view"]


def test_streams_end_side_by_side_from_async_views(host: Flask) -> None:
    live_activity(host).content_state(an_async_def(CONTENT))

    @host.get("/both")
    async def both() -> str:
        async def one(stream_id: str) -> int:
            return notify_stream_state(stream_id, "ready").revision

        return str(await asyncio.gather(one(STREAM), one(OTHER_STREAM)))

    assert host.test_client().get("/both").text == "[1, 1]"


def test_an_async_callback_that_fails_ends_the_activity_without_content(
    host: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    @live_activity(host).content_state
    async def content_state(stream_id: str, state: StreamState) -> dict[str, str]:
        raise LookupError("no such stream")

    register(host)
    assert host.test_client().get(f"/async/{STREAM}").text == "1"
    assert content_told(host) is None
    assert "The content_state callback failed" in caplog.text
    assert "no such stream" in caplog.text


def test_a_receiver_of_a_signal_may_be_async(host: Flask) -> None:
    heard: list[str] = []

    async def receiver(app: Flask, *, stream_id: str, **_: object) -> None:
        await asyncio.sleep(0)
        heard.append(stream_id)

    with stream_ended.connected_to(receiver, host):
        host.test_client().get(f"/async/{STREAM}")
        host.test_client().get(f"/plain/{OTHER_STREAM}")
    assert heard == [STREAM, OTHER_STREAM]


WITHOUT_ASGIREF = """
import sys
sys.modules["asgiref"] = sys.modules["asgiref.sync"] = None
from extension.apps import make_app

app = make_app(LIVE_ACTIVITY_ALLOW_ANY_STREAM=False)

async def guard(stream_id, user_id):
    return None

app.extensions["live_activity"].callbacks.guard = guard
print(app.test_cli_runner().invoke(args=["live-activity", "check"]).output)
"""


def test_check_says_what_async_callbacks_need() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_ASGIREF],
        cwd="tests",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "FAIL  guard: it is async. Install Flask with the 'async' extra" in done.stdout, (
        done.stderr
    )
