"""What goes out to Apple: path, headers, body."""

from __future__ import annotations

import uuid

import pytest

from flask_allmine_liveactivity.model import new_apns_ids
from flask_allmine_liveactivity.push.apns.client import ApnsPush, topic_of
from flask_allmine_liveactivity.push.payload import end_payload
from flask_allmine_liveactivity.simulator import LocalApns

from .engine import PAYLOAD, TOKEN, a_push, engine, pushes, send_one


def test_the_path_ends_with_the_token_as_it_was_given(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    assert apns.received[0].path == f"/3/device/{TOKEN}"


@pytest.mark.parametrize("token", ["AB" * 80, "live_activity_runtime_token", "a.b-c~d_e"])
def test_a_token_is_never_changed(apns: LocalApns, push: ApnsPush, token: str) -> None:
    send_one(push, a_push(token))
    assert apns.accepted[0].token == token


def test_the_headers_are_those_of_a_live_activity(apns: LocalApns, push: ApnsPush) -> None:
    one = a_push()
    send_one(push, one)
    headers = apns.received[0].headers
    assert {name: headers[name] for name in headers if name.startswith("apns-")} == {
        "apns-push-type": "liveactivity",
        "apns-topic": "com.example.allmine.push-type.liveactivity",
        "apns-priority": "10",
        "apns-expiration": str(one.expiration),
        "apns-id": one.apns_id,
    }


def test_the_provider_token_goes_as_a_bearer(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    assert apns.received[0].headers["authorization"].startswith("bearer ey")


def test_priority_5_is_sent_as_such(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push, a_push(priority=5))
    assert apns.received[0].headers["apns-priority"] == "5"


def test_an_expiration_of_0_is_sent_as_such(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push, a_push(expiration=0))
    assert apns.received[0].headers["apns-expiration"] == "0"


def test_the_topic_gets_its_suffix_once() -> None:
    topic = "com.example.allmine.push-type.liveactivity"
    assert topic_of("com.example.allmine") == topic_of(topic) == topic


def test_a_bundle_id_that_is_a_topic_already_is_accepted(apns: LocalApns) -> None:
    with engine(apns, bundle_id=topic_of(apns.bundle_id)) as push:
        assert send_one(push).status == 200


def test_the_body_is_the_payload_to_the_byte(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    assert apns.received[0].body == PAYLOAD


def test_a_payload_of_exactly_4096_bytes_arrives(apns: LocalApns, push: ApnsPush) -> None:
    bare = end_payload(timestamp=1, content_state={"x": ""}, alert=None, dismissal_date=None)
    full = end_payload(
        timestamp=1,
        content_state={"x": "y" * (4096 - len(bare))},
        alert=None,
        dismissal_date=None,
    )
    send_one(push, a_push(payload=full))
    assert apns.accepted[0].body == full
    assert len(full) == 4096


def test_a_phone_takes_what_was_sent(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    assert apns.accepted[0].problems == ()


def test_a_push_after_another_carries_nothing_of_it(apns: LocalApns, push: ApnsPush) -> None:
    long = end_payload(timestamp=1, content_state={"x": "y" * 999}, alert=None, dismissal_date=None)
    send_one(push, a_push(payload=long))
    send_one(push)
    assert apns.received[1].body == PAYLOAD


def test_an_apns_id_is_a_canonical_random_uuid() -> None:
    apns_id = next(new_apns_ids())
    assert str(uuid.UUID(apns_id)) == apns_id
    assert uuid.UUID(apns_id).version == 4
    assert uuid.UUID(apns_id).variant == uuid.RFC_4122


def test_each_push_has_an_apns_id_of_its_own(apns: LocalApns, push: ApnsPush) -> None:
    list(push.send(pushes(20)))
    assert len({received.apns_id for received in apns.accepted}) == 20


def test_apns_ids_of_two_runs_differ() -> None:
    first, second = new_apns_ids(), new_apns_ids()
    ids = {next(each) for each in (first, second) for _ in range(1000)}
    assert len(ids) == 2000
