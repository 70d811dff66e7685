"""Logging in to a host whose log-in is not the example's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask, request

from flask_allmine_liveactivity.simulator.phones import Backend, LogInFailed, Phone, WsgiBackend

from .desk import PASSWORD, STREAM, Host, latest

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmVk"  # noqa: S105


def test_a_ready_made_access_token_registers(phone: Phone, host: Host) -> None:
    phone.log_in_with_token(Backend(host.send), TOKEN, "grace")
    phone.follow(STREAM)
    assert [body["by"] for body in host.registered] == [TOKEN]
    assert (host.log_ins, phone.username) == (1, "grace")  # the one of the fixture


def test_what_waits_is_registered_with_it(phone: Phone, host: Host) -> None:
    phone.log_out()
    activity = phone.follow(STREAM)
    phone.log_in_with_token(Backend(host.send), TOKEN)
    assert host.tokens == [activity.token]


def test_nobody_sees_the_token_in_the_name_of_its_user(phone: Phone, host: Host) -> None:
    phone.log_in_with_token(Backend(host.send), TOKEN)
    assert phone.username is not None
    assert TOKEN not in phone.username


def test_after_a_401_nobody_is_logged_in_and_the_registration_waits(
    phone: Phone, host: Host
) -> None:
    phone.log_in_with_token(Backend(host.send), TOKEN)
    host.answers = [401]
    activity = phone.follow(STREAM)
    assert phone.username is None
    assert phone.awaits_registration(activity)
    phone.log_in_with_token(Backend(host.send), TOKEN + "x")
    assert host.registered[-1]["by"] == TOKEN + "x"
    assert phone.missed_registrations == 0


@pytest.mark.parametrize(
    "token",
    ["", "Bearer x", "a\r\nX-Forged: 1", "t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken", "a b"],
)
def test_what_cannot_stand_in_a_header_is_no_access_token(
    phone: Phone, host: Host, token: str
) -> None:
    with pytest.raises(LogInFailed, match="after `Bearer`"):
        phone.log_in_with_token(Backend(host.send), token)
    assert phone.username == "ada"


def test_a_phone_in_the_air_takes_no_log_in(phone: Phone, host: Host) -> None:
    phone.flight_mode = True
    with pytest.raises(LogInFailed, match="offline"):
        phone.log_in_with_token(Backend(host.send), TOKEN)


@pytest.mark.parametrize(
    "answer",
    [
        {"accessToken": TOKEN},
        {"access_token": TOKEN, "refresh_token": "r"},
        {"isSuccess": True, "data": {"accessToken": TOKEN}},
        {"data": {"access_token": TOKEN}},
    ],
)
def test_a_log_in_with_its_own_path_and_words(phone: Phone, answer: dict[str, Any]) -> None:
    app = Flask("host")
    asked: list[Any] = []

    @app.post("/auth/sessions")
    def log_in() -> tuple[dict[str, Any], int]:
        asked.append(request.json)
        return answer, 201

    backend = WsgiBackend(app, login_path="/auth/sessions", username_field="email")
    assert backend.log_in("ada@example.com", PASSWORD) == TOKEN
    assert asked == [{"email": "ada@example.com", "password": PASSWORD}]


@pytest.mark.parametrize("answer", [None, [], {}, {"accessToken": 1}, {"data": []}])
def test_a_log_in_without_a_token_says_what_to_do(answer: Any) -> None:
    def send(_: str, __: str, ___: Mapping[str, Any], ____: str | None) -> tuple[int, Any]:
        return 200, answer

    with pytest.raises(LogInFailed, match=r"login_path=.*log_in_with_token"):
        Backend(send).log_in("ada", PASSWORD)


def test_an_answer_that_is_too_deep_to_read_says_nothing(phone: Phone) -> None:
    app = Flask("host")

    @app.post("/<path:path>")
    def answer(path: str) -> tuple[str, int]:
        return "[" * 100_000, 500

    phone.log_in_with_token(WsgiBackend(app), TOKEN)
    phone.follow(STREAM)
    assert latest(phone, "refused").startswith("500.")
