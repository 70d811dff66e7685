"""What Apple refuses of a payload, and what it accepts though the phone would drop it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import Sender

NOW = int(time.time())
END: dict[str, Any] = {"timestamp": NOW, "event": "end"}
UPDATE: dict[str, Any] = {"timestamp": NOW, "event": "update", "content-state": {"left": 3}}
START: dict[str, Any] = {
    "timestamp": NOW,
    "event": "start",
    "content-state": {"left": 3},
    "attributes-type": "StreamAttributes",
    "attributes": {},
    "alert": {"title": "Soon", "body": "It starts in an hour."},
}


def body_of_size(size: int) -> bytes:
    body = json.dumps({"aps": END, "filler": ""}).encode()
    return body.replace(b'"filler": ""', b'"filler": "%s"' % (b"x" * (size - len(body))))


def without(aps: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in aps.items() if name != key}


def test_an_empty_payload_is_refused(sender: Sender) -> None:
    response = sender.push(body=b"")
    assert (response.status_code, response.json()) == (400, {"reason": "PayloadEmpty"})


@pytest.mark.parametrize("size", [5121, 1_000_000])
def test_a_payload_over_the_limit_of_the_gateway_is_refused(sender: Sender, size: int) -> None:
    response = sender.push(body=body_of_size(size))
    assert (response.status_code, response.json()) == (413, {"reason": "PayloadTooLarge"})


def test_a_payload_the_phone_would_drop_for_its_size_is_accepted_with_a_problem(
    apns: LocalApns, sender: Sender
) -> None:
    assert sender.push(body=body_of_size(5120)).status_code == 200
    assert apns.received[0].problems == (
        "The payload has 5120 bytes, and the phone drops more than 4096.",
    )


@pytest.mark.parametrize("aps", [END, UPDATE, START], ids=["end", "update", "start"])
def test_a_right_payload_has_no_problems(
    apns: LocalApns, sender: Sender, aps: dict[str, Any]
) -> None:
    sender.push(aps=aps)
    assert apns.received[0].problems == ()


def test_a_payload_of_the_documented_size_has_no_problems(apns: LocalApns, sender: Sender) -> None:
    sender.push(body=body_of_size(4096))
    assert apns.received[0].problems == ()


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"null", b"[" * 5000, b"end"])
def test_a_payload_that_is_no_json_object_is_accepted_with_a_problem(
    apns: LocalApns, sender: Sender, body: bytes
) -> None:
    assert sender.push(body=body).status_code == 200
    assert "The payload is not a JSON object." in apns.received[0].problems


def test_a_payload_without_aps_has_a_problem(apns: LocalApns, sender: Sender) -> None:
    sender.push(body=b'{"event": "end"}')
    assert apns.received[0].problems == ("The payload has no aps dictionary.",)


@pytest.mark.parametrize(
    ("aps", "problem"),
    [
        (without(END, "timestamp"), "timestamp is missing."),
        (END | {"timestamp": NOW * 1000}, "timestamp is in milliseconds"),
        (END | {"timestamp": NOW + 9 * 3600}, "timestamp is more than 8 hours ahead."),
        (END | {"timestamp": str(NOW)}, "and must be a number"),
        (END | {"timestamp": True}, "and must be a number"),
        (without(END, "event"), "event is missing"),
        (END | {"event": "stop"}, "event is 'stop'"),
        (END | {"event": ["end"]}, "event is ['end']"),
        (END | {"content-state": "over"}, "content-state is not a JSON object."),
        (END | {"content-state": None}, "content-state is not a JSON object."),
        (END | {"dismissal-date": NOW * 1000}, "dismissal-date is in milliseconds"),
        (END | {"dismissal-date": "now"}, "dismissal-date is 'now'"),
        (UPDATE | {"stale-date": NOW * 1000}, "stale-date is in milliseconds"),
        (without(UPDATE, "content-state"), "content-state is missing"),
        (without(START, "content-state"), "content-state is missing"),
        (without(START, "alert"), "alert is missing"),
        (without(START, "attributes"), "attributes is missing"),
        (without(START, "attributes-type"), "attributes-type is missing"),
    ],
)
def test_what_the_phone_would_drop_is_accepted_with_a_problem(
    apns: LocalApns, sender: Sender, aps: dict[str, Any], problem: str
) -> None:
    assert sender.push(aps=aps).status_code == 200
    (found,) = apns.received[0].problems
    assert problem in found


def test_all_problems_are_named(apns: LocalApns, sender: Sender) -> None:
    sender.push(aps={})
    assert len(apns.received[0].problems) == 2
