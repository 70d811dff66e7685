"""413, 415 and 429."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import TooManyRequests

from .host import BODY, OTHER_STREAM, PATH, STREAM, Host, assert_failure

Make = Callable[..., Host]


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("read")

    readline = readinto = read  # type: ignore[assignment]


def test_a_long_body_is_refused_unread(memory_host: Host) -> None:
    response = memory_host.client.post(
        PATH,
        headers=memory_host.bearer(),
        content_type="application/json",
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": "16385"},
    )
    assert_failure(response, 413)


def chunked(host: Host, body: bytes) -> Any:
    """As a server hands on ``Transfer-Encoding: chunked``: without a length."""
    environ = {
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "",
    }
    return host.client.post(PATH, headers=host.bearer(), environ_overrides=environ)


def test_a_long_body_in_chunks_is_refused(memory_host: Host) -> None:
    assert_failure(chunked(memory_host, b" " * 20_000 + json.dumps(BODY).encode()), 413)
    assert memory_host.sessions() == []


def test_a_body_in_chunks_is_taken(memory_host: Host) -> None:
    assert chunked(memory_host, json.dumps(BODY).encode()).status_code == 200


def test_an_endless_body_is_read_only_as_far_as_it_may_be(memory_host: Host) -> None:
    read = 0

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            nonlocal read
            read += len(buffer)
            buffer[:] = b" " * len(buffer)
            return len(buffer)

    response = memory_host.client.post(
        PATH,
        headers=memory_host.bearer(),
        content_type="application/json",
        environ_overrides={"wsgi.input": Endless(), "wsgi.input_terminated": True},
    )
    assert_failure(response, 413)
    assert read < 1_000_000


def test_a_long_body_that_the_host_has_read_before_is_refused(memory_host: Host) -> None:
    memory_host.app.before_request(lambda: request.get_data() and None)
    body = json.dumps(BODY).encode() + b" " * 20_000
    assert_failure(chunked(memory_host, body), 413)


def test_a_body_that_the_host_has_read_before_is_taken(memory_host: Host) -> None:
    memory_host.app.before_request(lambda: request.get_data() and None)
    assert memory_host.register().status_code == 200


class Broken(io.RawIOBase):
    """A body that a server gives up in the midst of, and quotes as it does."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [OSError("Invalid chunk size: 'a-secret'"), ValueError("invalid literal: b'a-secret'"),
     EOFError("a-secret"), TimeoutError("a-secret"), RuntimeError("a-secret")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_body_that_its_server_cannot_read_is_a_400_that_is_not_quoted(
    memory_host: Host, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environ = {"wsgi.input": Broken(error), "wsgi.input_terminated": True}
    response = memory_host.client.post(
        PATH,
        headers=memory_host.bearer(),
        content_type="application/json",
        environ_overrides=environ,
    )
    assert_failure(response, 400, "body: Could not be read to its end.")
    assert "a-secret" not in caplog.text


def test_a_body_that_is_shorter_than_it_says_is_a_400(memory_host: Host) -> None:
    environ = {"CONTENT_LENGTH": "99", "wsgi.input": io.BytesIO(b"{")}
    response = memory_host.client.post(
        PATH,
        headers=memory_host.bearer(),
        content_type="application/json",
        environ_overrides=environ,
    )
    assert_failure(response, 400, "body: Could not be read to its end.")


def test_the_largest_body_is_taken(memory_host: Host) -> None:
    body = json.dumps(BODY)
    assert memory_host.send(body + " " * (16 * 1024 - len(body))).status_code == 200


def test_one_byte_more_is_refused(memory_host: Host) -> None:
    body = json.dumps(BODY)
    assert_failure(memory_host.send(body + " " * (16 * 1024 - len(body) + 1)), 413)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", ""])
def test_a_content_length_that_is_none_is_no_server_error(memory_host: Host, length: str) -> None:
    response = memory_host.client.post(
        PATH,
        headers=memory_host.bearer(),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(b"{}")},
    )
    assert_failure(response, 400)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json-ish",
     "application/jsonp", "application/octet-stream"],
)  # fmt: skip
def test_a_content_type_that_is_not_json_is_a_415(memory_host: Host, content_type: str) -> None:
    assert_failure(memory_host.send(json.dumps(BODY), content_type=content_type), 415)
    assert memory_host.sessions() == []


def activities(host: Host, *numbers: int, user: str = "alice", stream: str = STREAM) -> list[int]:
    return [
        host.register(
            user, streamId=stream, activityId=f"activity-{number}", liveActivityToken=f"t{number}"
        ).status_code
        for number in numbers
    ]


@pytest.fixture
def narrow(storage_uri: str, make_host: Make) -> Host:
    return make_host(storage_uri=storage_uri, LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=2)


def test_a_user_with_too_many_sessions_is_told_so(narrow: Host) -> None:
    activities(narrow, 1, 2)
    assert_failure(narrow.register(), 429)
    assert len(narrow.sessions()) == 2


def test_another_user_still_has_room(narrow: Host) -> None:
    activities(narrow, 1, 2)
    assert activities(narrow, 3, user="bob") == [200]


def test_a_user_with_as_many_as_allowed_may_register_the_same_again(narrow: Host) -> None:
    assert activities(narrow, 1, 2, 1, 2) == [200] * 4


def test_a_user_with_as_many_as_allowed_may_rotate_a_token(narrow: Host) -> None:
    activities(narrow, 1, 2)
    response = narrow.register(activityId="activity-2", liveActivityToken="rotated")
    assert response.status_code == 200


def test_sessions_that_have_ended_make_room(narrow: Host) -> None:
    activities(narrow, 1, 2)
    narrow.end()
    assert activities(narrow, 3, stream=OTHER_STREAM) == [200]
    assert sorted(session.token for session in narrow.sessions()) == ["t2", "t3"]


def test_sessions_that_have_expired_make_room(clock, narrow: Host) -> None:
    activities(narrow, 1, 2)
    clock.advance(12 * 3600 + 1)
    assert activities(narrow, 3) == [200]


def test_there_may_be_no_bound(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None)
    assert activities(host, *range(120)) == [200] * 120


def test_the_bound_is_a_hundred_by_default(memory_host: Host) -> None:
    assert activities(memory_host, *range(101)) == [200] * 100 + [429]


def test_flask_limiter_answers_in_the_envelope_and_keeps_its_headers(memory_host: Host) -> None:
    limiter = Limiter(
        get_remote_address, app=memory_host.app, storage_uri="memory://", headers_enabled=True
    )
    limiter.limit("1/hour")(memory_host.live_activity.blueprint)
    assert memory_host.register().status_code == 200
    refused = memory_host.register()
    assert_failure(refused, 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600


def test_a_retry_after_of_the_hosts_is_kept(memory_host: Host) -> None:
    def busy(stream_id: str, user_id: str) -> None:
        raise TooManyRequests(retry_after=17)

    memory_host.guard = busy
    response = memory_host.register()
    assert_failure(response, 429)
    assert response.headers["Retry-After"] == "17"


def test_a_host_that_is_down_for_maintenance_answers_in_the_envelope(memory_host: Host) -> None:
    memory_host.app.before_request(lambda: abort(503))
    assert_failure(memory_host.register(), 503)
