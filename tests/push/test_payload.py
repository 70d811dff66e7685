"""The JSON that ends an activity."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.push.payload import end_payload


def payload(**given: Any) -> bytes:
    plain: dict[str, Any] = {
        "timestamp": 1_790_000_000,
        "content_state": None,
        "alert": None,
        "dismissal_date": None,
    }
    return end_payload(**{**plain, **given})


def test_an_end_has_at_least_timestamp_and_event() -> None:
    assert payload() == b'{"aps":{"timestamp":1790000000,"event":"end"}}'


def test_an_end_with_everything_is_exactly_this() -> None:
    made = payload(
        content_state={"state": "ready", "endsAt": 700000000.5},
        dismissal_date=1_790_000_060,
        alert={"title": "Ready", "body": "Go"},
    )
    assert made == (
        b'{"aps":{"timestamp":1790000000,"event":"end",'
        b'"content-state":{"state":"ready","endsAt":700000000.5},'
        b'"dismissal-date":1790000060,"alert":{"title":"Ready","body":"Go"}}}'
    )


def test_an_empty_content_state_is_sent_as_it_is() -> None:
    assert json.loads(payload(content_state={}))["aps"]["content-state"] == {}


def test_a_dismissal_date_of_0_is_sent_as_it_is() -> None:
    assert json.loads(payload(dismissal_date=0))["aps"]["dismissal-date"] == 0


def test_unicode_is_not_escaped() -> None:
    assert '"Österreich 🎉"'.encode() in payload(content_state={"name": "Österreich 🎉"})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_has_not_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        payload(content_state={"progress": number})


def test_a_value_that_json_has_not_is_refused() -> None:
    with pytest.raises(TypeError):
        payload(content_state={"progress": object()})


def test_a_payload_may_have_4096_bytes() -> None:
    room = 4096 - len(payload(content_state={"x": ""}))
    assert len(payload(content_state={"x": "y" * room})) == 4096


def test_one_byte_more_is_refused() -> None:
    room = 4096 - len(payload(content_state={"x": ""}))
    with pytest.raises(PayloadTooLarge, match="4097 bytes"):
        payload(content_state={"x": "y" * (room + 1)})


def test_the_limit_counts_bytes_and_not_characters() -> None:
    room = 4096 - len(payload(content_state={"x": ""}))
    with pytest.raises(PayloadTooLarge):
        payload(content_state={"x": "ö" * (room // 2 + 1)})
