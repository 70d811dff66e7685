"""409, and told at once: the stream has ended while the phone was on its way."""

from __future__ import annotations

import json
import logging

import pytest

from flask_allmine_liveactivity import (
    SessionStatus,
    StreamForbidden,
    StreamNotFound,
    StreamState,
    Verdict,
)

from .host import STREAM, TOKEN, Clock, Host, assert_failure

STATES = ["cancelled", "ready", "started", "expired"]


@pytest.mark.parametrize("state", STATES)
def test_a_stream_that_has_ended_is_a_409(memory_host: Host, state: str) -> None:
    memory_host.end(state)
    assert_failure(memory_host.register(), 409)


def test_a_late_session_is_told_at_once(host: Host) -> None:
    host.end()
    host.register()
    assert host.told == [TOKEN]


def test_a_late_session_is_kept(host: Host) -> None:
    host.end()
    host.register()
    (session,) = host.sessions()
    assert (session.token, session.status) == (TOKEN, SessionStatus.ENDED)


def test_a_late_session_whose_push_failed_is_still_to_be_told(host: Host) -> None:
    host.end()
    host.verdict = Verdict.RETRY
    assert_failure(host.register(), 409)
    assert [session.status for session in host.sessions()] == [SessionStatus.ACTIVE]


def test_a_token_that_rotates_after_the_end_is_told_at_once(host: Host) -> None:
    host.verdict = Verdict.RETRY
    host.register()
    host.end()
    host.verdict = Verdict.DELIVERED
    assert_failure(host.register(liveActivityToken="rotated"), 409)
    assert host.told == [TOKEN, "rotated"]


def test_a_reopened_stream_takes_registrations_again(host: Host) -> None:
    host.end()
    with host.app.app_context():
        host.live_activity.reopen_stream(STREAM)
    assert host.register().status_code == 200
    assert host.told == []


def test_an_end_state_in_other_letters_is_late_as_well(host: Host) -> None:
    host.end(stream="65F0000000000000000000AB")
    assert_failure(host.register(streamId="65f0000000000000000000ab"), 409)
    assert host.told == [TOKEN]


# --- the host knows first -------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*STATES, StreamState.CANCELLED])
def test_a_state_from_the_guard_is_a_409(memory_host: Host, state: str) -> None:
    memory_host.guard = lambda stream_id, user_id: state
    assert_failure(memory_host.register(), 409)


def test_a_state_from_the_guard_is_stored_announced_and_pushed(host: Host) -> None:
    host.guard = lambda stream_id, user_id: StreamState.CANCELLED
    host.register()
    assert host.told == [TOKEN]
    assert host.state() is StreamState.CANCELLED
    assert [session.status for session in host.sessions()] == [SessionStatus.ENDED]


def test_a_state_from_the_guard_reaches_those_who_registered_before(host: Host) -> None:
    host.register("alice")
    host.guard = lambda stream_id, user_id: "expired"
    host.register("bob", activityId="bobs", deviceId="bobs", liveActivityToken="bobs")
    assert sorted(host.told) == sorted([TOKEN, "bobs"])


def test_a_state_from_the_guard_does_not_replace_what_was_announced(host: Host) -> None:
    host.end("started")
    host.guard = lambda stream_id, user_id: "expired"
    host.register()
    assert host.state() is StreamState.STARTED


def test_a_state_from_the_guard_announces_anew_after_a_reopen(host: Host) -> None:
    host.end("cancelled")
    with host.app.app_context():
        host.live_activity.reopen_stream(STREAM)
    host.guard = lambda stream_id, user_id: "ready"
    assert_failure(host.register(), 409)
    assert host.state() is StreamState.READY
    assert host.told == [TOKEN]


@pytest.mark.parametrize("before", [None, "cancelled"])
@pytest.mark.parametrize("answers", [1, 2])
def test_a_stream_that_is_scheduled_again_as_the_guard_answers_does_not_end(
    host: Host, answers: int, before: str | None
) -> None:
    asked = 0

    def guard(stream_id: str, user_id: str) -> str | None:
        nonlocal asked
        asked += 1
        if asked == answers:  # another process does so, right after it has read the state
            host.live_activity.reopen_stream(stream_id)
        return "cancelled" if asked <= answers else None

    if before is not None:
        host.end(before)
        with host.app.app_context():
            host.live_activity.reopen_stream(STREAM)
    host.guard = guard
    assert host.register().status_code == 200
    host.deliver()
    assert (host.told, host.state()) == ([], None)


def test_a_state_from_the_guard_is_announced_also_at_another_users_token(host: Host) -> None:
    host.register("alice")
    host.guard = lambda stream_id, user_id: "ready"
    assert_failure(host.register("bob"), 409)
    host.deliver()
    assert host.told == [TOKEN]


def test_what_the_guard_announces_carries_the_hosts_content_state(memory_host: Host) -> None:
    memory_host.live_activity.content_state(lambda stream_id, state: {"phase": state})
    memory_host.guard = lambda stream_id, user_id: "ready"
    memory_host.register()
    payload = json.loads(memory_host.push.sent[0].payload)
    assert payload["aps"]["content-state"] == {"phase": "ready"}


@pytest.mark.parametrize(
    "content",
    [{"text": "x" * 5000}, {"x": object()}, {"x": float("nan")}, {"x": "\ud800"}, "text", 7],
    ids=["too large", "no JSON", "not finite", "half a pair", "a string", "a number"],
)
def test_a_content_state_that_cannot_be_sent_does_not_cost_the_end(
    memory_host: Host, content: object, caplog: pytest.LogCaptureFixture
) -> None:
    memory_host.live_activity.content_state(lambda stream_id, state: content)
    memory_host.guard = lambda stream_id, user_id: "ready"
    with caplog.at_level(logging.ERROR):
        assert_failure(memory_host.register(), 409)
    assert "content-state" not in json.loads(memory_host.push.sent[0].payload)["aps"]
    assert "without a final content-state" in caplog.text


# --- still alive ----------------------------------------------------------------------------------


def test_an_activity_that_is_registered_after_its_end_is_told_again(
    clock: Clock, host: Host
) -> None:
    host.register()
    host.end()
    clock.advance(31)
    assert_failure(host.register(), 409)
    assert host.told == [TOKEN, TOKEN]


def test_it_is_told_again_at_most_once_in_thirty_seconds(clock: Clock, host: Host) -> None:
    host.register()
    host.end()
    for _ in range(5):
        clock.advance(4)
        assert_failure(host.register(), 409)
        host.deliver()
    assert host.told == [TOKEN]


def test_what_came_too_soon_is_told_when_the_thirty_seconds_are_over(
    clock: Clock, host: Host
) -> None:
    host.register()
    host.end()
    clock.advance(5)
    host.register()
    clock.advance(26)
    host.deliver()
    assert host.told == [TOKEN, TOKEN]


def test_an_activity_that_was_given_up_is_told_again(clock: Clock, host: Host) -> None:
    host.register()
    host.verdict = Verdict.GONE
    host.end()
    assert [session.status for session in host.sessions()] == [SessionStatus.DEAD]
    host.verdict = Verdict.DELIVERED
    clock.advance(31)
    assert_failure(host.register(), 409)
    assert [session.status for session in host.sessions()] == [SessionStatus.ENDED]


# --- the guard still decides ----------------------------------------------------------------------


@pytest.mark.parametrize(("error", "status"), [(StreamNotFound, 404), (StreamForbidden, 403)])
def test_what_the_guard_refuses_is_not_told(
    memory_host: Host, error: type[Exception], status: int
) -> None:
    def guard(stream_id: str, user_id: str) -> None:
        raise error

    memory_host.end()
    memory_host.guard = guard
    assert_failure(memory_host.register(), status)
    assert memory_host.told == []
