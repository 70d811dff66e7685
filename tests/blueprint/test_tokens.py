"""Which Live Activity tokens are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution

from .host import Host, assert_failure

NOT_VALID = "liveActivityToken: Not a valid Live Activity token."
Make = Callable[..., Host]


@pytest.mark.parametrize(
    "token",
    ["live_activity_runtime_token", "80" * 32, "ab" * 80, "0f" * 128, "a" * 1024, "x",
     "A.b_c~d-9", "...", ".a", "a..", "-"],
)  # fmt: skip
def test_url_safe_tokens_of_any_length_are_taken(memory_host: Host, token: str) -> None:
    assert memory_host.register(liveActivityToken=token).status_code == 200
    memory_host.end()
    assert memory_host.told == [token]


@pytest.mark.parametrize("token", [".", ".."])
def test_a_path_segment_that_leads_elsewhere_is_refused(memory_host: Host, token: str) -> None:
    assert_failure(memory_host.register(liveActivityToken=token), 400, NOT_VALID)


@pytest.mark.parametrize(
    "token",
    ["a/b", "../x", "a b", "a%2fb", "a?b", "a#b", "a:b", "a@b", "a\\b", "a+b", "a=", "é", "a\u0660",
     "a,b", "a;b", "a&b", "{a}", "a\u00a0", "\U0001f600"],
)  # fmt: skip
def test_what_is_not_safe_in_a_path_is_refused(memory_host: Host, token: str) -> None:
    assert_failure(memory_host.register(liveActivityToken=token), 400, NOT_VALID)


def test_a_setting_narrows_tokens_to_hex(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_TOKEN_PATTERN=r"[0-9a-f]{64,}")
    assert_failure(host.register(), 400, NOT_VALID)
    assert host.register(liveActivityToken="ab" * 80).status_code == 200


@pytest.mark.parametrize("token", ["a/b", "..", "a b", "a?b"])
def test_a_wider_pattern_does_not_let_a_token_out_of_its_path(make_host: Make, token: str) -> None:
    host = make_host(LIVE_ACTIVITY_TOKEN_PATTERN=r".*")
    assert_failure(host.register(liveActivityToken=token), 400, NOT_VALID)


def test_a_pattern_must_match_the_whole_token(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_TOKEN_PATTERN=r"[0-9a-f]{4}")
    assert_failure(host.register(liveActivityToken="abcdx"), 400, NOT_VALID)


def test_a_token_that_is_not_hex_keeps_its_case(memory_host: Host) -> None:
    memory_host.register(liveActivityToken="AbCx")
    assert [session.token for session in memory_host.sessions()] == ["AbCx"]


@pytest.mark.parametrize("spelled", ["AB01" * 40, "aB01" * 40, "ab01" * 40])
def test_a_hex_token_is_the_same_in_either_case(host: Host, spelled: str) -> None:
    host.register(liveActivityToken="ab01" * 40)
    host.register(liveActivityToken=spelled)
    assert [session.token for session in host.sessions()] == ["ab01" * 40]
    host.end()
    assert host.told == ["ab01" * 40]


def test_another_users_hex_token_is_not_taken_over_by_its_capitals(host: Host) -> None:
    host.register("alice", liveActivityToken="ab01" * 40)
    others = {"activityId": "another", "deviceId": "another"}
    assert_failure(host.register("bob", liveActivityToken="AB01" * 40, **others), 409)
    assert [session.user_id for session in host.sessions()] == ["alice"]


@pytest.mark.parametrize("pattern", [r"[0-9a-f]{160}", r"[0-9A-F]{160}", r"[0-9a-fA-F]{160}"])
@pytest.mark.parametrize("spelled", ["ab01" * 40, "AB01" * 40])
def test_a_pattern_that_takes_one_case_takes_the_other(
    make_host: Make, pattern: str, spelled: str
) -> None:
    host = make_host(LIVE_ACTIVITY_TOKEN_PATTERN=pattern)
    assert host.register(liveActivityToken=spelled).status_code == 200
    assert [session.token for session in host.sessions()] == ["ab01" * 40]


def test_a_token_that_an_earlier_version_kept_in_capitals_is_told_and_replaced(
    host: Host,
) -> None:
    host.register(liveActivityToken="ab01" * 40)
    (row,) = host.sessions()
    host.installation.storage.sessions.register(
        row, lambda met: Resolution(outcome=Outcome.STORED, write=replace(row, token="AB01" * 40))
    )
    assert host.register(liveActivityToken="ab01" * 40).status_code == 200
    assert [session.token for session in host.sessions()] == ["ab01" * 40]
    host.end()
    assert host.told == ["ab01" * 40]
