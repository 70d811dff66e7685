"""What the page is told of each countdown: who has answered what, and what the host means to do."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity.simulator import Answer, Received
from flask_allmine_liveactivity.simulator.page import URL_PREFIX, HttpConsole, Outlook, Simulator
from flask_allmine_liveactivity.simulator.page.events import HEARTBEAT, LOOK_AGAIN, next_look
from flask_allmine_liveactivity.simulator.page.showable import DEEPEST, showable
from flask_allmine_liveactivity.simulator.phones import Activity, Backend, Phone

STREAM = "65f000000000000000000001"
TOKEN = "an-access-token"  # noqa: S105


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator()
    yield simulator
    simulator.stop()


def phone_at(simulator: Simulator, status: int) -> Phone:
    """A phone whose endpoint always answers so; 0: not at all."""

    def send(_: str, __: str, ___: Mapping[str, Any], ____: str | None) -> tuple[int, Any]:
        if status == 0:
            raise ConnectionRefusedError("nobody listens")
        return status, {"success": True} if status == 200 else {"errors": [f"No: {status}"]}

    phone = simulator.add_phone("First iPhone", Backend(send))
    phone.log_in_with_token(Backend(send), TOKEN)
    return phone


def facts(simulator: Simulator) -> dict[str, Any]:
    (activity,) = simulator.view()["phones"][0]["activities"]
    assert isinstance(activity, dict)
    return activity


@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 413, 429, 500, 503, 0])
def test_each_answer_of_the_endpoint_is_told(simulator: Simulator, status: int) -> None:
    phone_at(simulator, status).follow(STREAM)
    told = facts(simulator)
    assert told["registration"]["status"] == status
    assert told["awaitsRegistration"] is (status in (0, 429, 500, 503))
    said = {200: "", 0: "The backend does not answer: nobody listens"}
    assert told["registration"]["said"] == said.get(status, f"No: {status}")


def test_who_has_not_asked_yet_has_no_answer(simulator: Simulator) -> None:
    phone = phone_at(simulator, 200)
    phone.flight_mode = True
    phone.follow(STREAM)
    told = facts(simulator)
    assert (told["registration"], told["awaitsRegistration"]) == (None, True)


def pushed(activity: Activity, answer: Answer) -> Received:
    assert activity.token is not None
    payload = {"aps": {"event": "end", "timestamp": int(activity.started_at)}}
    return Received(
        token=activity.token,
        path=f"/3/device/{activity.token}",
        headers={},
        payload=payload,
        body=b"{}",
        status=answer.status,
        reason=answer.reason,
        apns_id="",
        provider_token=None,
        at=activity.started_at,
        fault=answer.fault,
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer.accepted(), (200, None, None)),
        (Answer.gone(1.0), (410, "Unregistered", None)),
        (Answer.bad_device_token(), (400, "BadDeviceToken", None)),
        (Answer.too_many_requests(), (429, "TooManyRequests", None)),
        (Answer.unavailable(5), (503, "ServiceUnavailable", None)),
        (Answer.invalid_provider_token(), (403, "InvalidProviderToken", None)),
        (Answer.reset(), (0, None, "reset")),
    ],
)
def test_each_answer_of_apples_is_told_though_the_log_is_cleared(
    simulator: Simulator, answer: Answer, told: tuple[Any, ...]
) -> None:
    activity = phone_at(simulator, 200).follow(STREAM)
    simulator.note(pushed(activity, answer))
    simulator.feed.clear()
    push = facts(simulator)["push"]
    assert (push["status"], push["reason"], push["fault"]) == told
    assert (push["event"], push["toItsToken"]) == ("end", True)


def test_a_push_to_the_token_before_is_told_as_such(simulator: Simulator) -> None:
    phone = phone_at(simulator, 200)
    activity = phone.follow(STREAM)
    push = pushed(activity, Answer.accepted())
    phone.rotate_token(activity)
    simulator.note(push)
    assert facts(simulator)["push"]["toItsToken"] is False


def test_a_push_that_the_phone_drops_is_told_with_its_reason(simulator: Simulator) -> None:
    phone = phone_at(simulator, 200)
    activity = phone.follow(STREAM)
    push = pushed(activity, Answer.accepted())
    assert push.payload is not None
    push.payload["aps"]["timestamp"] = 1_800_000_000_000
    simulator.note(push)
    simulator.phones.receive(push)
    assert "milliseconds" in facts(simulator)["dropped"]


def test_what_apple_keeps_for_a_phone_in_the_air_is_told(simulator: Simulator) -> None:
    phone = phone_at(simulator, 200)
    activity = phone.follow(STREAM)
    phone.flight_mode = True
    simulator.phones.receive(pushed(activity, Answer.accepted()))
    assert facts(simulator)["storedAtApple"] is True


@pytest.mark.parametrize(
    "content_state",
    [
        '{"a":' * 900 + "1" + "}" * 900,
        '{"a":NaN}',
        '{"a":[1e999,-Infinity]}',
        "[" * 900 + "]" * 900,
    ],
    ids=lambda text: text[:8],
)
def test_what_a_host_has_pushed_breaks_no_page(simulator: Simulator, content_state: str) -> None:
    phone = phone_at(simulator, 200)
    activity = phone.follow(STREAM)
    push = pushed(activity, Answer.accepted())
    given = json.loads(content_state)
    aps = {"event": "update", "timestamp": time.time() + 1, "content-state": given}
    push = dataclasses.replace(push, payload={"aps": aps})
    simulator.note(push)
    simulator.phones.receive(push)
    told = {**simulator.view(), "pushes": simulator.feed.pushes_after(0)}
    assert told == {**simulator.view(), "pushes": simulator.feed.pushes_after(0)}
    json.loads(json.dumps(told), parse_constant=pytest.fail)


def test_what_is_deeper_than_a_browser_is_told_is_cut() -> None:
    deep = json.loads('{"a":' * 900 + "1" + "}" * 900)
    assert json.dumps(showable(deep)).count("{") == DEEPEST
    assert showable({"a": [1, {"b": None}]}) == {"a": [1, {"b": None}]}


# --- the host ----------------------------------------------------------------------------------


def app_for(simulator: Simulator, outlooks: Any) -> Flask:
    app = Flask("host")
    app.debug = True
    simulator.mount(app, outlooks)
    return app


def test_a_host_that_does_not_say_is_not_spoken_for(simulator: Simulator) -> None:
    app_for(simulator, None)
    phone_at(simulator, 200).follow(STREAM)
    assert simulator.view()["outlooks"] is None


def test_what_the_host_means_to_do_is_told_by_activity(simulator: Simulator) -> None:
    activity = phone_at(simulator, 200).follow(STREAM)
    others = {"elsewhere": Outlook("told")}
    outlook = Outlook("held", "BadTopic", 5.0, event="update", asked_at=7.0, found="ready")
    app_for(simulator, lambda _: {activity.id: outlook, **others})
    assert simulator.view()["outlooks"] == {
        activity.id: {
            "fate": "held",
            "reason": "BadTopic",
            "nextTry": 5.0,
            "event": "update",
            "askedAt": 7.0,
            "found": "ready",
        }
    }


def test_what_the_host_does_not_know_is_no_outlook(simulator: Simulator) -> None:
    phone_at(simulator, 404).follow(STREAM)
    app_for(simulator, lambda _: {})
    assert simulator.view()["outlooks"] == {}


def test_a_host_that_cannot_say_now_is_not_spoken_for(simulator: Simulator) -> None:
    phone_at(simulator, 200).follow(STREAM)
    app_for(simulator, lambda _: None)
    assert simulator.view()["outlooks"] is None


@pytest.mark.parametrize(
    ("fate", "soon"), [("waits", True), ("held", True), ("follows", False), ("given-up", False)]
)
def test_while_the_host_has_something_to_do_the_page_looks_again_soon(
    simulator: Simulator, fate: Any, soon: bool
) -> None:
    activity = phone_at(simulator, 200).follow(STREAM)
    app_for(simulator, lambda _: {activity.id: Outlook(fate)})
    assert next_look(simulator.view()) == (LOOK_AGAIN if soon else HEARTBEAT)


def test_when_the_host_has_been_asked_the_page_looks_again(simulator: Simulator) -> None:
    activity = phone_at(simulator, 200).follow(STREAM)
    soon = time.time() + 3
    app_for(simulator, lambda _: {activity.id: Outlook("follows", asked_at=soon)})
    assert 3 < next_look(simulator.view()) <= 3 + LOOK_AGAIN


def test_a_push_is_of_the_title_that_the_card_shows(simulator: Simulator) -> None:
    """Attributes stay as they are; a name that may change is in what is shown."""
    activity = phone_at(simulator, 200).follow(STREAM, {"title": "New"}, {"title": "Old"})
    simulator.note(pushed(activity, Answer.accepted()))
    (push,) = simulator.feed.pushes_after(0)
    assert push["to"]["title"] == "New"


# --- what the host is made to do ---------------------------------------------------------------


def post(app: Flask, path: str) -> int:
    return app.test_client().post(f"{URL_PREFIX}/{path}", json={}).status_code


def test_a_host_dies_before_it_could_say() -> None:
    died: list[str] = []
    simulator = Simulator(console=HttpConsole("ada", "lovelace", dies=died.append))
    assert post(app_for(simulator, None), f"die/{STREAM}") == 200
    assert died == [STREAM]
    simulator.stop()


def test_whose_tables_are_not_known_does_not_die(simulator: Simulator) -> None:
    assert post(app_for(simulator, None), f"die/{STREAM}") == 404


def test_what_was_refused_is_sent_again(simulator: Simulator) -> None:
    sent: list[str] = []
    app = Flask("host")
    app.debug = True
    simulator.mount(app, resend=sent.append)
    assert post(app, f"resend/{STREAM}") == 200
    assert sent == [STREAM]


def test_a_host_that_sends_nothing_again_says_so(simulator: Simulator) -> None:
    assert post(app_for(simulator, None), f"resend/{STREAM}") == 404
