"""The shape of a failure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from flask_allmine_liveactivity.blueprint.envelope import envelope

from .host import PATH, REASONS, TIMESTAMP, Host, assert_failure


def test_the_keys_stand_in_the_order_of_the_contract(memory_host: Host) -> None:
    text = memory_host.client.post(PATH).get_data(as_text=True)
    assert list(json.loads(text)) == ["isSuccess", "statusCode", "data", "errors", "timestamp"]


def test_the_order_stays_where_the_host_sorts_keys(memory_host: Host) -> None:
    memory_host.app.json.sort_keys = True
    assert_failure(memory_host.client.post(PATH), 401)


def test_the_values_have_the_types_of_the_contract(memory_host: Host) -> None:
    body = memory_host.client.post(PATH).get_json()
    types = {key: type(value) for key, value in body.items()}
    assert types == {
        "isSuccess": bool,
        "statusCode": int,
        "data": type(None),
        "errors": list,
        "timestamp": str,
    }


def test_the_timestamp_is_in_milliseconds_and_ends_with_z(memory_host: Host) -> None:
    timestamp = memory_host.client.post(PATH).get_json()["timestamp"]
    assert TIMESTAMP.fullmatch(timestamp)


def test_the_timestamp_is_now_in_utc(memory_host: Host) -> None:
    before = datetime.now(UTC)
    timestamp = memory_host.client.post(PATH).get_json()["timestamp"]
    said = datetime.fromisoformat(timestamp)
    assert before - timedelta(milliseconds=1) <= said <= datetime.now(UTC)


@pytest.mark.parametrize(("status", "reason"), REASONS.items())
def test_each_status_has_its_reason(status: int, reason: str) -> None:
    assert envelope(status).get_json()["errors"] == [reason]


def test_details_follow_the_reason() -> None:
    body = envelope(400, ["streamId: Not a valid stream id."]).get_json()
    assert body["errors"] == ["Validation failed", "streamId: Not a valid stream id."]
