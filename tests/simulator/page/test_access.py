"""Who may use the page, and what it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_allmine_liveactivity.simulator.page import Simulator
from flask_allmine_liveactivity.simulator.phones import WsgiBackend

PAGE = "/live-activity-simulator"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator()
    yield simulator
    simulator.stop()


@pytest.fixture
def app(simulator: Simulator) -> Flask:
    app = Flask("host")
    app.debug = True
    simulator.add_phone("First iPhone", WsgiBackend(app))
    simulator.mount(app)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# --- what is served ----------------------------------------------------------------------------


def test_the_page_loads_nothing_that_is_not_its_own(client: FlaskClient) -> None:
    answer = client.get(f"{PAGE}/")
    assert answer.status_code == 200
    links = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert len(links) > 5
    for link in links:
        assert link.startswith(f"{PAGE}/static/"), link
        with client.get(link) as answer:
            assert answer.status_code == 200, link


def test_its_policy_allows_nothing_else(client: FlaskClient) -> None:
    for path in ("/", "/state", "/static/main.js"):
        with client.get(PAGE + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_first_event_has_everything(client: FlaskClient) -> None:
    events = client.get(f"{PAGE}/events").response
    read = iter(events)
    assert next(read) == b"retry: 1000\n\n"
    name, data = next(read).decode().split("\n", 1)  # type: ignore[union-attr]
    assert name == "event: everything"
    told = json.loads(data.removeprefix("data: "))
    assert [phone["name"] for phone in told["phones"]] == ["First iPhone"]


def test_a_change_is_an_event(client: FlaskClient, simulator: Simulator) -> None:
    read = iter(client.get(f"{PAGE}/events").response)
    next(read), next(read)
    client.post(f"{PAGE}/phones/iphone-1/flight-mode", json={"on": True})
    name, data = next(read).decode().split("\n", 1)  # type: ignore[union-attr]
    assert name == "event: state"
    (phone,) = json.loads(data.removeprefix("data: "))["phones"]
    assert phone["flightMode"] is True


# --- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_this_machine_may(client: FlaskClient, name: str) -> None:
    assert client.get(f"{PAGE}/", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "192.168.0.7", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_another_name_for_this_machine_may_not(client: FlaskClient, name: str) -> None:
    """DNS rebinding: the browser believes that it talks to evil.example."""
    answer = client.get(f"{PAGE}/state", headers={"Host": name})
    assert answer.status_code == 403
    assert "TRUSTED_HOSTS" in answer.get_json()["error"]


def test_another_machine_may_not(client: FlaskClient) -> None:
    answer = client.get(f"{PAGE}/state", environ_base={"REMOTE_ADDR": "192.168.0.7"})
    assert answer.status_code == 403


def test_names_that_the_host_trusts_may(app: Flask) -> None:
    app.config["TRUSTED_HOSTS"] = ["dev.internal"]
    client = app.test_client()
    outside = {"REMOTE_ADDR": "172.17.0.1"}
    ours = client.get(f"{PAGE}/", headers={"Host": "dev.internal"}, environ_base=outside)
    other = client.get(f"{PAGE}/", headers={"Host": "evil.example"}, environ_base=outside)
    assert (ours.status_code, other.status_code) == (200, 400)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_may_not_press_its_buttons(
    client: FlaskClient, simulator: Simulator, headers: dict[str, str]
) -> None:
    answer = client.post(f"{PAGE}/phones/iphone-1/flight-mode", json={"on": True}, headers=headers)
    assert answer.status_code == 403
    assert simulator.phones.phone("iphone-1").flight_mode is False


def test_a_form_cannot_press_them(client: FlaskClient, simulator: Simulator) -> None:
    answer = client.post(
        f"{PAGE}/phones/iphone-1/flight-mode", data='{"on": true}', content_type="text/plain"
    )
    assert answer.status_code == 415
    assert simulator.phones.phone("iphone-1").flight_mode is False


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-Host": "app.example"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Prefix": "/app"},
        {"x-forwarded-server": "proxy"},
        {"Forwarded": "for=203.0.113.7;proto=https"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "203.0.113.7"},
    ],
    ids=lambda header: next(iter(header)),
)
@pytest.mark.parametrize("path", ["/", "/state", "/events", "/static/main.js"])
def test_what_has_come_through_a_proxy_may_not(
    client: FlaskClient, header: dict[str, str], path: str
) -> None:
    """The proxy is on this machine, and whoever it serves is not."""
    with client.get(PAGE + path, headers=header) as answer:
        assert answer.status_code == 403
        assert "proxy" in answer.get_json()["error"]


def test_not_even_by_a_name_that_the_host_trusts(app: Flask) -> None:
    app.config["TRUSTED_HOSTS"] = ["dev.internal"]
    headers = {"Host": "dev.internal", "X-Forwarded-For": "203.0.113.7"}
    assert app.test_client().get(f"{PAGE}/", headers=headers).status_code == 403


def test_nor_where_the_host_believes_its_proxy(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_host=1)  # type: ignore[method-assign]
    headers = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost"}
    assert app.test_client().get(f"{PAGE}/", headers=headers).status_code == 403


# --- what it takes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("phones/nobody/open-app", {}, 404, "no such phone"),
        ("phones/iphone-1/explode", {}, 404, "A phone can follow"),
        ("phones/iphone-1/flight-mode", {"on": 1}, 400, "on must be true or false"),
        ("phones/iphone-1/flight-mode", [], 400, "Send a JSON object"),
        ("phones/iphone-1/log-in", {"username": ""}, 400, "username must be a string"),
        ("phones/iphone-1/log-in", {"username": "x" * 201}, 400, "not be longer than 200"),
        ("phones/iphone-1/log-in", {"username": "a", "password": 1}, 400, "password must be"),
        ("phones/iphone-1/log-in", {"accessToken": "x" * 8193}, 400, "not be longer than 8192"),
        ("phones/iphone-1/log-in", {"accessToken": "a\r\nb"}, 409, "no access token"),
        ("phones/iphone-1/follow", {"streamId": "65f000000000000000000001"}, 409, "logged in"),
        ("phones/iphone-1/swipe-away", {"activityId": "x"}, 404, "no such activity"),
        ("apple", {"up": "yes"}, 400, "up must be true or false"),
        ("apple", {"answer": "418"}, 400, "answer is one of as-usual"),
        ("apple", {"answer": "x" * 20_000}, 413, ""),
    ],
)
def test_bad_input_is_told_what_to_do(
    client: FlaskClient, path: str, body: Any, status: int, said: str
) -> None:
    answer = client.post(f"{PAGE}/{path}", json=body)
    assert answer.status_code == status
    assert said in answer.get_json()["error"]


# --- where it may be ---------------------------------------------------------------------------


def test_it_is_not_mounted_in_production(simulator: Simulator) -> None:
    with pytest.raises(RuntimeError, match="only in development"):
        simulator.mount(Flask("host"))


def test_it_is_mounted_where_the_app_pushes_to_it(simulator: Simulator) -> None:
    simulator.start()
    app = Flask("host")
    app.config.update(simulator.settings)
    simulator.mount(app)
    assert app.test_client().get(f"{PAGE}/").status_code == 200
    app.config["LIVE_ACTIVITY_APNS_SERVER"] = "https://api.push.apple.com"
    assert app.test_client().get(f"{PAGE}/").status_code == 404
