"""What goes over the wire to a host: the same through a socket and without one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, jsonify, redirect, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as BaseResponse

from flask_allmine_liveactivity.simulator.phones import (
    Backend,
    HttpBackend,
    LogInFailed,
    Phone,
    WsgiBackend,
)

from .desk import PASSWORD, STREAM, latest


@pytest.fixture
def asked() -> list[Any]:
    return []


@pytest.fixture
def app(asked: list[Any]) -> Flask:
    app = Flask("host")

    @app.post("/<path:path>")
    def take(path: str) -> Response | tuple[Response, int] | tuple[str, int]:
        asked.append((request.path, request.json, request.headers.get("Authorization")))
        if path.endswith("login"):
            return jsonify(accessToken="t")
        if path.endswith("logout"):
            return "Bye.", 500
        if request.json["streamId"] == STREAM:
            return jsonify(success=True)
        return jsonify(errors=["Validation failed", "streamId: bad"]), 400

    return app


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["http", "wsgi"])
def backend(request: pytest.FixtureRequest, app: Flask) -> Backend:
    if request.param == "wsgi":
        return WsgiBackend(app)
    return HttpBackend(request.getfixturevalue("url"))


def test_the_app_logs_in_registers_and_logs_out(
    backend: Backend, phone: Phone, asked: list[Any]
) -> None:
    phone.log_in(backend, "ada", PASSWORD)
    activity = phone.follow(STREAM)
    phone.log_out()
    registration = {
        "streamId": STREAM,
        "deviceId": phone.id,
        "liveActivityToken": activity.token,
        "activityId": activity.id,
    }
    assert asked == [
        ("/api/v1/login", {"username": "ada", "password": PASSWORD}, None),
        ("/api/v1/notifications/live-activity-sessions", registration, "Bearer t"),
        ("/api/v1/logout", {"deviceId": phone.id}, "Bearer t"),
    ]
    assert latest(phone, "refused") == "To log out was answered with 500."


def test_what_a_refusal_says_is_in_the_log(backend: Backend, phone: Phone) -> None:
    phone.log_in(backend, "ada", PASSWORD)
    phone.follow("junk")
    assert latest(phone, "refused") == "400: Validation failed; streamId: bad The app gives up."


def test_the_paths_are_the_hosts(app: Flask, phone: Phone, asked: list[Any]) -> None:
    backend = WsgiBackend(app, login_path="/v2/login", logout_path="/v2/logout", prefix="/push")
    phone.log_in(backend, "ada", PASSWORD)
    phone.follow(STREAM)
    phone.log_out()
    assert [path for path, *_ in asked] == [
        "/v2/login",
        "/push/live-activity-sessions",
        "/v2/logout",
    ]


def test_where_nobody_listens_there_is_no_answer(phone: Phone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(LogInFailed, match="does not answer"):
        phone.log_in(HttpBackend(f"http://127.0.0.1:{port}"), "ada", PASSWORD)


def test_an_answer_that_takes_too_long_is_none(phone: Phone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        backend = HttpBackend(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with pytest.raises(LogInFailed, match="timed out"):
            phone.log_in(backend, "ada", PASSWORD)


def test_an_answer_that_is_no_http_is_none(phone: Phone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer_nonsense, args=(listening,))
        thread.start()
        backend = HttpBackend(f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(LogInFailed, match="breaks off its answer"):
            phone.log_in(backend, "ada", PASSWORD)
        thread.join()


def _answer_nonsense(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"nonsense\r\n\r\n")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A host with another page at the endpoint's path: it redirects, and answers all with 200."""
    app = Flask("host")

    @app.post("/api/v1/notifications/live-activity-sessions")
    def move() -> BaseResponse:
        return redirect("/log-in", 302)

    @app.route("/", methods=["GET", "POST"], defaults={"path": ""})
    @app.route("/<path:path>", methods=["GET", "POST"])
    def any_page(path: str) -> str:
        return "<h1>Welcome</h1>"

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_is_no_success(elsewhere: str, phone: Phone) -> None:
    phone.log_in_with_token(HttpBackend(elsewhere), "token")
    activity = phone.follow(STREAM)
    registration = phone.registration(activity)
    assert registration is not None
    assert registration.status == 302
    assert "registered" not in [event.kind for event in phone.log]


def test_a_200_of_another_page_is_no_success(elsewhere: str, phone: Phone) -> None:
    phone.log_in_with_token(HttpBackend(elsewhere, prefix="/api"), "token")
    activity = phone.follow(STREAM)
    registration = phone.registration(activity)
    assert registration is not None
    assert registration.status == 200
    assert "is the endpoint at /api/live-activity-sessions?" in registration.said
    assert "registered" not in [event.kind for event in phone.log]
