"""Channels: made, read, listed and deleted."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.channels import StoragePolicy

from .sender import Sender

PATH = "/1/apps/com.example.allmine/channels"
ALL = "/1/apps/com.example.allmine/all-channels"
ID = "123e4567-e89b-12d3-a456-426655440000"


@pytest.fixture(autouse=True)
def no_channels(apns: LocalApns) -> None:
    apns.channels.clear()


def manage(
    sender: Sender, method: str = "POST", path: str = PATH, body: Any = None, **headers: str
) -> httpx2.Response:
    """A request such as Apple's samples have: with the provider token, and little else."""
    if body is None and method == "POST":
        body = {"message-storage-policy": 1, "push-type": "LiveActivity"}
    return sender.client.request(
        method,
        path,
        content=body if isinstance(body, bytes) else json.dumps(body).encode() if body else b"",
        headers={"authorization": f"bearer {sender.token}"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
    )


def make(sender: Sender, policy: int = 1) -> str:
    response = manage(sender, body={"message-storage-policy": policy, "push-type": "LiveActivity"})
    return str(response.headers["apns-channel-id"])


def test_a_channel_is_made_and_its_id_answered(apns: LocalApns, sender: Sender) -> None:
    response = manage(sender)
    assert (response.status_code, response.content) == (201, b"")
    assert apns.channels.ids == [response.headers["apns-channel-id"]]


def test_a_channel_id_is_base64(sender: Sender) -> None:
    assert len(base64.b64decode(make(sender), validate=True)) == 16


@pytest.mark.parametrize("policy", [0, 1])
def test_a_channel_is_read(sender: Sender, policy: int) -> None:
    response = manage(sender, "GET", apns_channel_id=make(sender, policy))
    assert response.status_code == 200
    assert response.json() == {"message-storage-policy": policy, "push-type": "LiveActivity"}


def test_all_channels_are_listed(sender: Sender) -> None:
    ids = [make(sender) for _ in range(3)]
    response = manage(sender, "GET", ALL)
    assert (response.status_code, response.json()) == (200, {"channels": ids})


def test_none_are_listed_where_there_are_none(sender: Sender) -> None:
    assert manage(sender, "GET", ALL).json() == {"channels": []}


def test_a_channel_is_deleted(apns: LocalApns, sender: Sender) -> None:
    response = manage(sender, "DELETE", apns_channel_id=make(sender))
    assert (response.status_code, response.content) == (204, b"")
    assert apns.channels.ids == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "MissingChannelId"),
        ({"apns_channel_id": "no base64!"}, "BadChannelId"),
        ({"apns_channel_id": "QUJD" * 100}, "BadChannelId"),
    ],
)
def test_a_wrong_channel_id_is_refused(
    sender: Sender, method: str, headers: dict[str, str], reason: str
) -> None:
    response = manage(sender, method, **headers)
    assert (response.status_code, response.json()) == (400, {"reason": reason})


def test_a_channel_that_is_not_there_cannot_be_read(sender: Sender) -> None:
    response = manage(sender, "GET", apns_channel_id="dHN0LXNyY2gtY2hubA==")
    assert (response.status_code, response.json()) == (400, {"reason": "ChannelNotRegistered"})


def test_a_channel_that_is_not_there_cannot_be_deleted(sender: Sender) -> None:
    channel_id = make(sender)
    manage(sender, "DELETE", apns_channel_id=channel_id)
    response = manage(sender, "DELETE", apns_channel_id=channel_id)
    assert (response.status_code, response.json()) == (404, {"reason": "BadPath"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "BadRequestPayload"),
        (b"{", "BadRequestPayload"),
        (b"[]", "BadRequestPayload"),
        ({"message-storage-policy": 1}, "MissingPushType"),
        ({"message-storage-policy": 1, "push-type": "alert"}, "InvalidPushType"),
        ({"push-type": "LiveActivity"}, "BadRequestParams"),
        ({"message-storage-policy": 2, "push-type": "LiveActivity"}, "BadRequestParams"),
        ({"message-storage-policy": True, "push-type": "LiveActivity"}, "BadRequestParams"),
        ({"message-storage-policy": [1], "push-type": "LiveActivity"}, "BadRequestParams"),
    ],
)
def test_a_wrong_body_is_refused(sender: Sender, body: Any, reason: str) -> None:
    response = manage(sender, body=body)
    assert (response.status_code, response.json()) == (400, {"reason": reason})


@pytest.mark.parametrize(
    "more",
    [
        {"name": "A talk"},
        {"message_storage_policy": 1},
        {"Push-Type": "LiveActivity"},
        {"channel-id": None},
        {"": 1},
    ],
)
def test_an_unknown_attribute_is_refused(
    apns: LocalApns, sender: Sender, more: dict[str, Any]
) -> None:
    right = {"message-storage-policy": 1, "push-type": "LiveActivity"}
    response = manage(sender, body={**right, **more})
    assert (response.status_code, response.json()) == (400, {"reason": "BadRequestParams"})
    assert apns.channels.ids == []


def test_which_attribute_is_unknown_is_said(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    manage(sender, body={"push-type": "LiveActivity", "storage-policy": 1})
    assert "the attribute 'storage-policy', and must have message-storage-policy" in caplog.text


def test_what_is_said_of_a_long_one_is_short(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_allmine_liveactivity.simulator")
    manage(sender, body={"x" * 100_000: 1})
    assert max(len(message) for message in caplog.messages) < 2000


@pytest.mark.parametrize(("method", "path"), [("PUT", PATH), ("POST", ALL), ("DELETE", ALL)])
def test_another_method_is_not_allowed(sender: Sender, method: str, path: str) -> None:
    response = manage(sender, method, path)
    assert (response.status_code, response.json()) == (405, {"reason": "MethodNotAllowed"})


def test_the_app_of_another_key_is_a_mismatch(sender: Sender) -> None:
    response = manage(sender, path="/1/apps/org.example.other/channels")
    assert (response.status_code, response.json()) == (403, {"reason": "TopicMismatch"})


def test_without_a_provider_token_nothing_is_done(apns: LocalApns, sender: Sender) -> None:
    response = manage(sender, authorization="")
    assert (response.status_code, response.json()) == (403, {"reason": "MissingProviderToken"})
    assert apns.channels.ids == []


def test_there_may_be_10_000_channels(apns: LocalApns, sender: Sender) -> None:
    for _ in range(9_999):
        apns.channels.create()
    assert manage(sender).status_code == 201
    response = manage(sender)
    assert (response.status_code, response.json()) == (
        400,
        {"reason": "CannotCreateChannelConfig"},
    )


def test_a_deleted_channel_makes_room(new_sender: Callable[[LocalApns], Sender]) -> None:
    with LocalApns(most_channels=1) as apns:
        sender = new_sender(apns)
        channel_id = make(sender)
        assert manage(sender).status_code == 400
        manage(sender, "DELETE", apns_channel_id=channel_id)
        assert manage(sender).status_code == 201


def test_an_app_that_is_not_set_up_for_broadcasts_has_no_channels(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(broadcasts=False) as apns:
        response = manage(new_sender(apns))
    assert (response.status_code, response.json()) == (400, {"reason": "FeatureNotEnabled"})


def test_the_request_id_is_echoed(sender: Sender) -> None:
    assert manage(sender, apns_request_id=ID).headers["apns-request-id"] == ID


def test_a_request_id_that_is_no_uuid_is_refused(sender: Sender) -> None:
    assert manage(sender, apns_request_id="1").json() == {"reason": "BadMessageId"}


def test_managing_channels_is_no_push(apns: LocalApns, sender: Sender) -> None:
    make(sender)
    manage(sender, "GET", ALL)
    assert apns.received == []


def test_channels_stay_when_it_is_stopped_and_started() -> None:
    apns = LocalApns()
    channel_id = apns.channels.create(StoragePolicy.LATEST)
    apns.start()
    apns.stop()
    assert apns.channels.ids == [channel_id]


def test_each_app_has_channels_of_its_own(
    apns: LocalApns, new_sender: Callable[[LocalApns], Sender]
) -> None:
    with LocalApns() as apns:
        sender = new_sender(apns)
        sender.token = apns.make_key("KEY0000002", apps=["org.example.other"]).provider_token()
        manage(sender, path="/1/apps/org.example.other/channels")
        assert (len(apns.channels.ids), len(apns.channels_of("org.example.other").ids)) == (0, 1)
