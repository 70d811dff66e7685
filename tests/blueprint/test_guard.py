"""403 and 404: what the host says of a stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import abort, g
from flask_jwt_extended import get_jwt

from flask_allmine_liveactivity import ConfigurationError, StreamForbidden, StreamNotFound

from .host import STREAM, Host, assert_failure


def refuse(error: type[Exception]) -> Callable[[str, str], None]:
    def guard(stream_id: str, user_id: str) -> None:
        raise error

    return guard


def test_a_stream_that_the_host_does_not_know_is_a_404(host: Host) -> None:
    host.guard = refuse(StreamNotFound)
    assert_failure(host.register(), 404)
    assert host.sessions() == []


def test_a_stream_that_this_user_may_not_follow_is_a_403(host: Host) -> None:
    host.guard = refuse(StreamForbidden)
    assert_failure(host.register(), 403)
    assert host.sessions() == []


@pytest.mark.parametrize("status", [403, 404])
def test_the_guard_may_abort(memory_host: Host, status: int) -> None:
    memory_host.guard = lambda stream_id, user_id: abort(status)
    assert_failure(memory_host.register(), status)
    assert memory_host.sessions() == []


def test_the_description_of_an_abort_is_not_shown(memory_host: Host) -> None:
    memory_host.guard = lambda stream_id, user_id: abort(404, "row 7 of table streams")
    assert b"row 7" not in memory_host.register().data


def test_the_guard_is_given_the_stream_and_the_user(memory_host: Host) -> None:
    asked: list[tuple[str, str]] = []
    memory_host.guard = lambda *given: asked.append(given)
    memory_host.register("bob")
    assert asked == [(STREAM, "bob")]


def test_the_guard_is_asked_for_the_canonical_stream_id(memory_host: Host) -> None:
    asked: list[str] = []
    memory_host.guard = lambda stream_id, user_id: asked.append(stream_id)
    memory_host.register(streamId=STREAM.upper())
    assert asked == [STREAM]


def test_the_guard_is_asked_at_every_registration(memory_host: Host) -> None:
    memory_host.register()
    memory_host.guard = refuse(StreamForbidden)
    assert_failure(memory_host.register(), 403)


def test_the_guard_stands_in_the_request_with_its_claims(memory_host: Host) -> None:
    seen: list[str] = []

    def guard(stream_id: str, user_id: str) -> None:
        g.touched = True
        seen.append(get_jwt()["sub"])

    memory_host.guard = guard
    memory_host.register("bob")
    assert seen == ["bob"]


@pytest.mark.parametrize("answer", [False, True, 0, "", "no", [], 404])
def test_an_answer_that_is_no_state_does_not_mean_allowed(memory_host: Host, answer) -> None:
    memory_host.guard = lambda stream_id, user_id: answer
    assert_failure(memory_host.register(), 500)
    assert memory_host.sessions() == []


def test_an_answer_that_is_no_state_says_what_is_due(make_host) -> None:
    host = make_host(TESTING=True)
    host.guard = lambda stream_id, user_id: False
    with pytest.raises(TypeError, match="must return None or a StreamState"):
        host.register()


def test_without_a_guard_nobody_registers(make_host) -> None:
    host = make_host()
    host.installation.callbacks.guard = None
    assert_failure(host.register(), 500)
    assert host.sessions() == []


def test_without_a_guard_the_log_says_what_to_do(make_host) -> None:
    host = make_host(TESTING=True)
    host.installation.callbacks.guard = None
    with pytest.raises(ConfigurationError, match=r"@live_activity\.stream_guard"):
        host.register()


def test_without_a_guard_a_setting_lets_everybody_register(make_host) -> None:
    host = make_host(LIVE_ACTIVITY_ALLOW_ANY_STREAM=True)
    host.installation.callbacks.guard = None
    assert host.register().status_code == 200


def test_a_guard_is_asked_also_where_any_stream_is_allowed(make_host) -> None:
    host = make_host(LIVE_ACTIVITY_ALLOW_ANY_STREAM=True)
    host.guard = refuse(StreamForbidden)
    assert_failure(host.register(), 403)
