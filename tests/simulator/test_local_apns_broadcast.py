"""Broadcasts: one push to all activities that are subscribed to a channel."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns, Received
from flask_allmine_liveactivity.simulator.channels import StoragePolicy

from .sender import PAYLOAD, Sender

PATH = "/4/broadcasts/apps/com.example.allmine"
ID = "123e4567-e89b-12d3-a456-426655440000"


@pytest.fixture
def channel(apns: LocalApns) -> str:
    channel_id = apns.channels.create(StoragePolicy.LATEST)
    assert channel_id
    return channel_id


def broadcast(
    sender: Sender,
    channel_id: str | None,
    *,
    method: str = "POST",
    path: str = PATH,
    body: bytes | None = None,
    **changes: str | None,
) -> httpx2.Response:
    """A right broadcast, but for what is changed."""
    headers: dict[str, str | None] = {
        "authorization": f"bearer {sender.token}",
        "apns-push-type": "liveactivity",
        "apns-channel-id": channel_id,
        "apns-expiration": "0",
        "apns-priority": "10",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return sender.client.request(
        method,
        path,
        content=json.dumps(PAYLOAD).encode() if body is None else body,
        headers={name: value for name, value in headers.items() if value is not None},
    )


def test_a_right_broadcast_is_accepted_without_a_body(sender: Sender, channel: str) -> None:
    response = broadcast(sender, channel)
    assert (response.status_code, response.content) == (200, b"")


def test_it_is_recorded_with_its_channel(apns: LocalApns, sender: Sender, channel: str) -> None:
    broadcast(sender, channel)
    (push,) = apns.accepted
    assert (push.channel_id, push.token, push.event) == (channel, "", "end")


def test_it_is_handed_to_the_phones_with_its_channel(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    class Phones:
        def __init__(self) -> None:
            self.got: list[tuple[str, Received]] = []

        def refusal(self, token: str, **_: Any) -> Answer | None:
            raise AssertionError("a broadcast has no token")

        def receive(self, push: Received) -> None:
            raise AssertionError("a broadcast is for no single phone")

        def broadcast(self, channel_id: str, push: Received) -> None:
            self.got.append((channel_id, push))

    phones = Phones()
    with LocalApns(devices=phones) as apns:
        channel_id = apns.channels.create()
        broadcast(new_sender(apns), channel_id)
        assert phones.got == [(channel_id, apns.accepted[0])]


def test_the_request_id_is_echoed(sender: Sender, channel: str) -> None:
    response = broadcast(sender, channel, apns_request_id=ID)
    assert response.headers["apns-request-id"] == ID
    assert "apns-id" not in response.headers


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"apns_request_id": "1"}, 400, "BadMessageId"),
        ({"apns_push_type": None}, 400, "MissingPushType"),
        ({"apns_push_type": "alert"}, 400, "InvalidPushType"),
        ({"apns_channel_id": None}, 400, "MissingChannelId"),
        ({"apns_channel_id": "#"}, 400, "BadChannelId"),
        ({"apns_channel_id": "dHN0LXNyY2gtY2hubA=="}, 400, "ChannelNotRegistered"),
        ({"apns_expiration": None}, 400, "BadExpirationDate"),
        ({"apns_expiration": "tomorrow"}, 400, "BadExpirationDate"),
        ({"apns_priority": None}, 400, "BadPriority"),
        ({"apns_priority": "7"}, 400, "BadPriority"),
        ({"body": b""}, 400, "PayloadEmpty"),
        ({"body": b"no json"}, 400, "BadRequestPayload"),
        ({"body": b'{"a": "' + b"x" * 5113 + b'"}'}, 413, "PayloadTooLarge"),
        ({"method": "GET"}, 405, "MethodNotAllowed"),
        ({"path": "/4/broadcasts/apps/org.example.other"}, 403, "TopicMismatch"),
        ({"path": f"{PATH}.push-type.liveactivity"}, 400, "TopicDisallowed"),
        ({"path": f"{PATH}.push-type.liveactivity.push-type.liveactivity"}, 400, "TopicDisallowed"),
        ({"path": f"{PATH}.push-type.widgets"}, 400, "TopicDisallowed"),
        ({"authorization": None}, 403, "MissingProviderToken"),
    ],
)
def test_a_broken_broadcast_is_refused_with_its_reason(
    apns: LocalApns,
    sender: Sender,
    channel: str,
    changes: dict[str, Any],
    status: int,
    reason: str,
) -> None:
    channel_id = changes.pop("apns_channel_id", channel)
    response = broadcast(sender, channel_id, **changes)
    assert (response.status_code, response.json()) == (status, {"reason": reason})
    assert apns.accepted == []


def test_5120_bytes_are_taken(apns: LocalApns, sender: Sender, channel: str) -> None:
    body = b'{"aps": {"timestamp": 1768471800, "event": "end"}, "a": "'
    body += b"x" * (5120 - len(body) - 2) + b'"}'
    assert broadcast(sender, channel, body=body).status_code == 200
    assert apns.accepted[0].problems == ()


def test_a_channel_that_stores_nothing_wants_no_expiration(apns: LocalApns, sender: Sender) -> None:
    nothing = apns.channels.create(StoragePolicy.NOTHING)
    later = str(int(time.time()) + 60)
    assert broadcast(sender, nothing, apns_expiration=later).json() == {
        "reason": "BadExpirationDate"
    }
    assert broadcast(sender, nothing, apns_expiration="0").status_code == 200


def test_a_channel_that_stores_the_latest_takes_one(sender: Sender, channel: str) -> None:
    later = str(int(time.time()) + 60)
    assert broadcast(sender, channel, apns_expiration=later).status_code == 200


def test_an_app_that_is_not_set_up_for_broadcasts_may_send_none(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(broadcasts=False) as apns:
        response = broadcast(new_sender(apns), apns.channels.create())
    assert (response.status_code, response.json()) == (400, {"reason": "FeatureNotEnabled"})


def test_a_header_sent_twice_is_refused(sender: Sender, channel: str) -> None:
    response = sender.client.post(
        PATH, headers=[("apns-channel-id", channel), ("apns-channel-id", channel)], content=b"{}"
    )
    assert response.json() == {"reason": "DuplicateHeaders"}


def test_what_was_told_for_the_next_meets_broadcasts_too(
    apns: LocalApns, sender: Sender, channel: str
) -> None:
    apns.answer_next(1, Answer.unavailable(3))
    response = broadcast(sender, channel)
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")


def test_a_refusal_names_the_rule_and_its_source(
    sender: Sender, channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    broadcast(sender, channel, apns_expiration=None)
    assert "400 BadExpirationDate" in caplog.text
    assert 'Source: Apple, "Sending broadcast push notification requests to APNs"' in caplog.text
