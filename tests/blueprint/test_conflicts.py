"""409: what cannot be registered, and what is kept all the same."""

from __future__ import annotations

from flask_allmine_liveactivity import Verdict

from .host import BODY, OTHER_STREAM, TOKEN, Clock, Host, assert_failure

BOBS = "bobs-own-token"

# An app that reads the first has nothing to repeat; the texts are part of the API.
ENDED = "The stream has ended: this activity is kept, and will be ended."
ANOTHERS = "Another user holds this activity or its token."
ELSEWHERE = "This activity or its token belongs to another stream."


# --- which of the three it is ---------------------------------------------------------------------


def test_a_stream_that_has_ended_is_told_apart(host: Host) -> None:
    host.end()
    assert_failure(host.register(), 409, ENDED)
    assert_failure(host.register(), 409, ENDED)


def test_a_stream_that_the_guard_knows_to_have_ended_is_the_same(host: Host) -> None:
    host.guard = lambda stream_id, user_id: "ready"
    assert_failure(host.register(), 409, ENDED)


def test_another_user_is_told_apart(host: Host) -> None:
    host.register("alice")
    assert_failure(host.register("bob"), 409, ANOTHERS)
    assert_failure(host.register("bob", liveActivityToken=BOBS), 409, ANOTHERS)


def test_another_users_activity_of_a_stream_that_has_ended_will_be_ended(host: Host) -> None:
    host.verdict = Verdict.RETRY
    host.register("alice")
    host.end()
    assert_failure(host.register("bob", liveActivityToken=BOBS), 409, ENDED)
    assert BOBS in host.told


def test_another_users_token_of_a_stream_that_has_ended_is_another_users(host: Host) -> None:
    host.verdict = Verdict.RETRY
    host.register("alice")
    host.end()
    assert_failure(host.register("bob"), 409, ANOTHERS)


def test_another_stream_is_told_apart(host: Host) -> None:
    host.register()
    assert_failure(host.register(streamId=OTHER_STREAM), 409, ELSEWHERE)
    assert_failure(host.register(streamId=OTHER_STREAM, liveActivityToken="new"), 409, ELSEWHERE)
    assert_failure(host.register(streamId=OTHER_STREAM, activityId="new"), 409, ELSEWHERE)


# --- another user on the same phone ---------------------------------------------------------------


def test_another_users_token_is_a_409(host: Host) -> None:
    host.register("alice")
    assert_failure(host.register("bob"), 409)


def test_another_users_token_is_not_stored(host: Host) -> None:
    host.register("alice")
    host.register("bob")
    assert [session.user_id for session in host.sessions()] == ["alice"]


def test_another_users_token_is_a_409_for_any_activity(host: Host) -> None:
    host.register("alice")
    response = host.register("bob", activityId="another", deviceId="another", streamId=OTHER_STREAM)
    assert_failure(response, 409)
    assert len(host.sessions()) == 1


def test_another_users_activity_with_a_new_token_is_a_409(host: Host) -> None:
    host.register("alice")
    assert_failure(host.register("bob", liveActivityToken=BOBS), 409)


def test_another_users_activity_with_a_new_token_is_kept_as_the_callers_own(host: Host) -> None:
    host.register("alice")
    host.register("bob", liveActivityToken=BOBS)
    kept = {session.user_id: session.token for session in host.sessions()}
    assert kept == {"alice": TOKEN, "bob": BOBS}


def test_both_users_tokens_are_pushed_to_at_the_end(host: Host) -> None:
    host.register("alice")
    host.register("bob", liveActivityToken=BOBS)
    host.end()
    assert sorted(host.told) == sorted([TOKEN, BOBS])


def test_a_contested_activity_stays_a_409_when_it_is_said_again(host: Host) -> None:
    host.register("alice")
    host.register("bob", liveActivityToken=BOBS)
    assert_failure(host.register("bob", liveActivityToken=BOBS), 409)
    assert len(host.sessions()) == 2


def test_the_holder_of_a_contested_activity_keeps_it(host: Host) -> None:
    host.register("alice")
    host.register("bob", liveActivityToken=BOBS)
    assert host.register("alice").status_code == 200


def test_released_sessions_may_be_registered_by_the_next_user(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        assert host.live_activity.release("alice", BODY["deviceId"]) == 1
    assert host.register("bob").status_code == 200
    assert [session.user_id for session in host.sessions()] == ["bob"]


def test_a_released_session_is_told_of_the_end(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        host.live_activity.release("alice", BODY["deviceId"])
    host.end()
    assert host.told == [TOKEN]


def test_only_the_device_that_was_named_is_released(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        assert host.live_activity.release("alice", "another-device") == 0
    assert_failure(host.register("bob"), 409)


def test_a_forgotten_user_holds_nothing(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        assert host.live_activity.forget_user("alice") == 1
    assert host.register("bob").status_code == 200


def test_what_a_forgotten_user_left_running_is_told_of_the_end(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        host.live_activity.forget_user("alice")
    host.end()
    assert host.told == [TOKEN]


def test_a_forgotten_user_leaves_neither_name_nor_device(host: Host) -> None:
    host.register("alice")
    with host.app.app_context():
        host.live_activity.forget_user("alice")
    assert [(row.user_id, row.device_id) for row in host.sessions()] == [(None, "")]


def test_an_ended_session_does_not_stand_in_the_next_users_way(host: Host) -> None:
    host.register("alice")
    host.end()
    assert host.register("bob", streamId=OTHER_STREAM).status_code == 200


def test_an_expired_session_does_not_stand_in_the_next_users_way(clock: Clock, host: Host) -> None:
    host.register("alice")
    clock.advance(12 * 3600 + 1)
    assert host.register("bob").status_code == 200


# --- one activity, one stream ---------------------------------------------------------------------


def test_an_activity_of_another_stream_is_a_409(host: Host) -> None:
    host.register()
    assert_failure(host.register(streamId=OTHER_STREAM), 409)
    assert [session.stream_id for session in host.sessions()] == [BODY["streamId"]]


def test_an_activity_of_another_stream_is_a_409_also_with_a_new_token(host: Host) -> None:
    host.register()
    assert_failure(host.register(streamId=OTHER_STREAM, liveActivityToken="new"), 409)
    assert host.told == []


def test_a_token_of_another_stream_is_a_409(host: Host) -> None:
    host.register()
    assert_failure(host.register(streamId=OTHER_STREAM, activityId="another"), 409)
