"""The ``apns-`` headers, as Apple checks them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import Sender

ID = "123e4567-e89b-12d3-a456-426655440000"
TOPIC = "com.example.allmine.push-type.liveactivity"


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("apns_id", "1", "BadMessageId"),
        ("apns_id", ID.replace("-", ""), "BadMessageId"),
        ("apns_push_type", None, "InvalidPushType"),
        ("apns_push_type", "alert", "InvalidPushType"),
        ("apns_topic", None, "MissingTopic"),
        ("apns_topic", "com.example.allmine", "BadTopic"),
        ("apns_topic", "com.example.allmine.voip", "BadTopic"),
        ("apns_topic", "com.example.other.push-type.liveactivity", "TopicDisallowed"),
        ("apns_topic", f"{TOPIC}.push-type.liveactivity", "TopicDisallowed"),
        ("apns_priority", "7", "BadPriority"),
        ("apns_priority", "high", "BadPriority"),
        ("apns_expiration", "tomorrow", "BadExpirationDate"),
        ("apns_expiration", "1.5", "BadExpirationDate"),
        ("apns_expiration", "-1", "BadExpirationDate"),
        ("apns_collapse_id", "x" * 65, "BadCollapseId"),
    ],
)
def test_a_wrong_header_is_refused_with_its_reason(
    sender: Sender, header: str, value: str | None, reason: str
) -> None:
    changes: dict[str, Any] = {header: value}
    response = sender.push(**changes)
    assert (response.status_code, response.json()) == (400, {"reason": reason})


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("apns_id", None),
        ("apns_id", ID),
        ("apns_id", ID.upper()),
        ("apns_priority", None),
        ("apns_priority", "5"),
        ("apns_priority", "1"),
        ("apns_expiration", None),
        ("apns_expiration", "0"),
        ("apns_collapse_id", "x" * 64),
    ],
)
def test_a_right_header_is_taken(sender: Sender, header: str, value: str | None) -> None:
    changes: dict[str, Any] = {header: value}
    assert sender.push(**changes).status_code == 200


def test_an_apns_id_is_echoed(sender: Sender) -> None:
    assert sender.push(apns_id=ID).headers["apns-id"] == ID


def test_an_apns_id_is_echoed_with_a_refusal(sender: Sender) -> None:
    assert sender.push(apns_id=ID, apns_topic=None).headers["apns-id"] == ID


@pytest.mark.parametrize("sent", [None, "1"])
def test_an_apns_id_is_made_where_no_good_one_was_sent(sender: Sender, sent: str | None) -> None:
    answered = sender.push(apns_id=sent).headers["apns-id"]
    assert str(uuid.UUID(answered)) == answered


def test_the_sandbox_answers_with_a_unique_id(sender: Sender) -> None:
    assert uuid.UUID(sender.push().headers["apns-unique-id"])


def test_production_answers_without_a_unique_id(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(environment="production") as apns:
        assert "apns-unique-id" not in new_sender(apns).push().headers


def test_the_topic_follows_the_bundle_id(new_sender: Callable[[LocalApns], Sender]) -> None:
    with LocalApns(bundle_id="org.example.other") as apns:
        topic = "org.example.other.push-type.liveactivity"
        assert new_sender(apns).push(apns_topic=topic).status_code == 200
