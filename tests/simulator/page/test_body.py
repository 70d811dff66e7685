"""Bodies that no page of ours sends: none of them is a 500, and none of them breaks the page."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from flask_allmine_liveactivity.simulator.page import Simulator
from flask_allmine_liveactivity.simulator.phones import WsgiBackend

PAGE = "/live-activity-simulator"
FOLLOW = f"{PAGE}/phones/iphone-1/follow"
PATHS = (
    FOLLOW,
    f"{PAGE}/phones/iphone-1/log-in",
    f"{PAGE}/phones/iphone-1/flight-mode",
    f"{PAGE}/phones/iphone-1/rotate-token",
    f"{PAGE}/apple",
)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("host")
    app.debug = True
    simulator = Simulator()
    phone = simulator.add_phone("First iPhone", WsgiBackend(app))
    phone.log_in_with_token(WsgiBackend(app), "token")
    simulator.mount(app)
    yield app
    simulator.stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def deep(levels: int, inner: str = "1") -> str:
    return '{"a":' * levels + inner + "}" * levels


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 16_000,
        "[" * 8_000 + "]" * 8_000,
        deep(2_500),
        deep(200),
        '{"streamId": "x", "contentState": ' + deep(40) + "}",
        '{"streamId": NaN}',
        '{"contentState": {"startsAt": Infinity}}',
        '{"contentState": {"startsAt": 1e999}}',
        '{"on": ' + "9" * 5_000 + "}",
        b'{"streamId": "\xff\xfe"}',
        b"\x00\x01",
    ],
    ids=lambda body: str(body[:24]),
)
def test_what_is_not_read_is_a_400(client: FlaskClient, path: str, body: str | bytes) -> None:
    answer = client.post(path, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_a_body_that_is_too_long_is_a_413(client: FlaskClient) -> None:
    answer = client.post(FOLLOW, data="[" * 20_000, content_type="application/json")
    assert answer.status_code == 413


def test_what_is_as_deep_as_may_be_is_shown_again(client: FlaskClient) -> None:
    body = '{"streamId": "x", "contentState": ' + deep(31) + "}"
    assert client.post(FOLLOW, data=body, content_type="application/json").status_code == 200
    state = client.get(f"{PAGE}/state").get_data(as_text=True)
    shown = json.loads(state, parse_constant=pytest.fail)
    assert shown["phones"][0]["activities"][0]["contentState"]["a"]["a"]


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"2\r\n{}garbage", b"\r\n\r\n"],
)
def test_a_body_that_is_chunked_wrongly_is_a_400(app: Flask, body: bytes) -> None:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    head = (
        f"POST {PAGE}/apple HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", server.server_port), 10) as connection:
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answer.split(b" ", 2)[1] == b"400"
    assert b"Traceback" not in answer
