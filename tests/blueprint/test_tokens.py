"""Which Live Activity tokens are taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .host import Host, assert_failure

NOT_VALID = "liveActivityToken: Not a valid Live Activity token."
Make = Callable[..., Host]


@pytest.mark.parametrize(
    "token",
    ["live_activity_runtime_token", "80" * 32, "aB" * 80, "0f" * 128, "a" * 1024, "x",
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


def test_a_token_keeps_its_case(memory_host: Host) -> None:
    memory_host.register(liveActivityToken="AbCd")
    assert [session.token for session in memory_host.sessions()] == ["AbCd"]
