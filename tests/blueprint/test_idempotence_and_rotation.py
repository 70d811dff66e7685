"""The same call again, and the same activity with another token."""

from __future__ import annotations

from dataclasses import replace

from .host import OTHER_STREAM, STREAM, TOKEN, Clock, Host


def test_the_same_call_again_is_a_200(host: Host) -> None:
    assert [host.register().status_code for _ in range(3)] == [200] * 3


def test_the_same_call_again_changes_only_the_time_it_was_seen(clock: Clock, host: Host) -> None:
    host.register()
    (before,) = host.sessions()
    clock.advance(60)
    host.register()
    (after,) = host.sessions()
    assert after.token_seen_at >= before.token_seen_at + 60
    assert replace(after, token_seen_at=before.token_seen_at) == before


def test_the_same_call_again_is_pushed_to_once(host: Host) -> None:
    host.register()
    host.register()
    host.end()
    assert host.told == [TOKEN]


def test_a_rotated_token_is_a_200(host: Host) -> None:
    host.register()
    assert host.register(liveActivityToken="rotated").data == b'{"success": true}'


def test_only_the_rotated_token_is_pushed_to(host: Host) -> None:
    host.register()
    host.register(liveActivityToken="rotated")
    host.end()
    assert host.told == ["rotated"]


def test_a_rotated_token_takes_the_place_of_the_old_one(host: Host) -> None:
    host.register()
    (before,) = host.sessions()
    host.register(liveActivityToken="rotated")
    (after,) = host.sessions()
    assert (after.session_id, after.token) == (before.session_id, "rotated")


def test_a_token_may_come_back(host: Host) -> None:
    for token in ("one", "two", "one"):
        assert host.register(liveActivityToken=token).status_code == 200
    host.end()
    assert host.told == ["one"]


def test_a_rotation_does_not_lengthen_an_activitys_life(clock: Clock, host: Host) -> None:
    host.register()
    (before,) = host.sessions()
    clock.advance(3600)
    host.register(liveActivityToken="rotated")
    assert [session.expires_at for session in host.sessions()] == [before.expires_at]


def test_two_activities_of_one_phone_are_two_sessions(host: Host) -> None:
    host.register()
    host.register(activityId="another", liveActivityToken="another")
    host.end()
    assert sorted(host.told) == sorted([TOKEN, "another"])


def test_a_token_that_moves_to_another_activity_of_its_stream_is_pushed_to_once(
    host: Host,
) -> None:
    host.register()
    assert host.register(activityId="another").status_code == 200
    host.end()
    assert host.told == [TOKEN]


def test_the_end_of_one_stream_leaves_another_alone(host: Host) -> None:
    host.register()
    host.register(streamId=OTHER_STREAM, activityId="another", liveActivityToken="another")
    host.end(stream=OTHER_STREAM)
    assert host.told == ["another"]


def test_an_upper_case_stream_id_is_the_same_stream(host: Host) -> None:
    assert host.register(streamId=STREAM.upper()).status_code == 200
    assert host.register(streamId=STREAM.lower()).status_code == 200
    assert [session.stream_id for session in host.sessions()] == [STREAM]


def test_an_upper_case_stream_id_is_told_of_the_end(host: Host) -> None:
    host.register(streamId="65F0000000000000000000AB")
    host.end(stream="65f0000000000000000000aB")
    assert host.told == [TOKEN]
