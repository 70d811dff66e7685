"""400: what is wrong with a body."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .host import BODY, Host, assert_failure

FIELDS = sorted(BODY)


@pytest.fixture(autouse=True)
def _nothing_is_stored(memory_host: Host) -> Iterator[None]:
    yield
    assert memory_host.sessions() == []


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(memory_host: Host, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    response = memory_host.send(json.dumps(body))
    assert_failure(response, 400, f"{field}: Missing data for required field.")


def test_every_missing_field_is_named(memory_host: Host) -> None:
    errors = memory_host.send("{}").get_json()["errors"]
    assert sorted(errors[1:]) == [f"{name}: Missing data for required field." for name in FIELDS]


@pytest.mark.parametrize("empty", ["", " ", " \t ", "\u2003"])
@pytest.mark.parametrize("field", FIELDS)
def test_an_empty_field_is_refused(memory_host: Host, field: str, empty: str) -> None:
    response = memory_host.register(**{field: empty})
    assert_failure(response, 400)
    assert f"{field}: Must not be empty." in response.get_json()["errors"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_null_field_is_refused(memory_host: Host, field: str) -> None:
    assert_failure(memory_host.register(**{field: None}), 400, f"{field}: Field may not be null.")


@pytest.mark.parametrize("value", [1, 1.5, True, False, [], ["a"], {}, {"$gt": ""}])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_another_type_is_refused(memory_host: Host, field: str, value: Any) -> None:
    assert_failure(memory_host.register(**{field: value}), 400, f"{field}: Not a valid string.")


@pytest.mark.parametrize(
    ("field", "most"),
    [("deviceId", 255), ("activityId", 255), ("liveActivityToken", 1024), ("streamId", 255)],
)
def test_a_field_that_is_too_long_is_refused(memory_host: Host, field: str, most: int) -> None:
    response = memory_host.register(**{field: "a" * (most + 1)})
    assert_failure(response, 400)
    assert f"{field}: Longer than {most} characters." in response.get_json()["errors"]


@pytest.mark.parametrize(
    "stream_id",
    [
        "65f00000000000000000000",  # 23 digits
        "65f0000000000000000000001",  # 25
        "65f00000000000000000000g",
        " 65f000000000000000000001",
        "65f000000000000000000001\n",
        "\uff16" * 24,  # full-width digits
    ],
)
def test_a_stream_id_of_a_bad_form_is_refused(memory_host: Host, stream_id: str) -> None:
    response = memory_host.register(streamId=stream_id)
    assert_failure(response, 400)
    assert all(error.startswith("streamId: ") for error in response.get_json()["errors"][1:])


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("control", ["\x00", "a\x00b", "a\nb", "a\x1fb", "a\x7fb", "a\x85b"])
def test_control_characters_are_refused(memory_host: Host, field: str, control: str) -> None:
    assert_failure(memory_host.register(**{field: control}), 400)


@pytest.mark.parametrize("field", FIELDS)
def test_half_a_surrogate_pair_is_refused(memory_host: Host, field: str) -> None:
    body = json.dumps({**BODY, field: "a\ud800b"})  # "\ud800" in ASCII
    response = memory_host.send(body)
    assert_failure(response, 400)
    assert f"{field}: Must not contain control characters." in response.get_json()["errors"]


@pytest.mark.parametrize("body", [b"", None])
def test_a_missing_body_is_refused(memory_host: Host, body: bytes | None) -> None:
    assert_failure(memory_host.send(body), 400, "body: Missing.")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"   ",
        b"nothing",
        b"streamId=1&deviceId=2",
        b'{"streamId": "a",}',
        b"{'streamId': 'a'}",
        b'{"a": 1} {"b": 2}',
        b"\x00",
        b'{"a": "\n"}',
        b"\x1f\x8b\x08\x00",  # gzip
    ],
)
def test_a_body_that_is_not_json_is_refused(memory_host: Host, body: bytes) -> None:
    assert_failure(memory_host.send(body), 400, "body: Not valid JSON.")


def test_invalid_utf_8_is_refused(memory_host: Host) -> None:
    body = json.dumps(BODY).encode().replace(b"iphone", b"\xff\xfe\xfa")
    assert_failure(memory_host.send(body), 400, "body: Not valid JSON.")


@pytest.mark.parametrize("body", ["null", "true", "1", '"text"', "[]", '[{"streamId": "a"}]'])
def test_json_that_is_no_object_is_refused(memory_host: Host, body: str) -> None:
    assert_failure(memory_host.send(body), 400, "body: Not a JSON object.")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused(memory_host: Host, opening: str) -> None:
    body = '{"a":' + opening * (15_000 // len(opening))
    assert_failure(memory_host.send(body), 400, "body: Not valid JSON.")


def test_a_field_nested_deeply_is_refused(memory_host: Host) -> None:
    body = json.dumps(BODY)[:-1] + ', "deviceId": ' + "[" * 7000 + "]" * 7000 + "}"
    assert_failure(memory_host.send(body), 400)


def test_a_huge_number_is_refused(memory_host: Host) -> None:
    body = json.dumps(BODY)[:-1] + ', "deviceId": ' + "9" * 10_000 + "}"
    assert_failure(memory_host.send(body), 400)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["deviceId", "unknown"])
def test_what_python_takes_beyond_json_is_refused(
    memory_host: Host, field: str, number: str
) -> None:
    body = json.dumps(BODY)[:-1] + f', "{field}": {number}}}'
    assert_failure(memory_host.send(body), 400, "body: Not valid JSON.")


def test_what_was_sent_is_not_repeated(memory_host: Host) -> None:
    response = memory_host.register(liveActivityToken="<script>secret</script>", streamId="<b>")
    assert b"secret" not in response.data
    assert b"<b>" not in response.data


def test_the_guard_is_not_asked(memory_host: Host) -> None:
    asked: list[str] = []
    memory_host.guard = lambda stream_id, user_id: asked.append(stream_id)
    memory_host.register(deviceId="")
    assert asked == []


Make = Callable[..., Host]


def test_the_stream_id_pattern_is_a_setting(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"[a-z]+-\d+")
    statuses = [host.register(streamId=each).status_code for each in ("live-7", BODY["streamId"])]
    assert statuses == [200, 400]


def test_a_wide_stream_id_pattern_still_refuses_control_characters(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"(?s).+")
    assert_failure(host.register(streamId="a\x00b"), 400)
    assert_failure(host.register(streamId="a" * 256), 400)
