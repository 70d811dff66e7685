"""What a phone says of the environment that its push token is of."""

from __future__ import annotations

from typing import Any

import pytest

from .host import Host, assert_failure


@pytest.mark.parametrize("said", ["production", "sandbox"])
def test_what_is_said_is_kept_with_the_token(host: Host, said: str) -> None:
    assert host.register(environment=said).data == b'{"success": true}'
    assert [session.environment for session in host.sessions()] == [said]


def test_nothing_is_known_where_nothing_is_said(host: Host) -> None:
    host.register()
    host.register(environment=None)
    assert [session.environment for session in host.sessions()] == [None]


def test_null_and_left_out_change_nothing(host: Host) -> None:
    host.register(environment="sandbox")
    host.register()
    host.register(environment=None)
    assert [session.environment for session in host.sessions()] == ["sandbox"]


def test_what_is_said_later_counts(host: Host) -> None:
    host.register(environment="sandbox")
    host.register(environment="production")
    assert [session.environment for session in host.sessions()] == ["production"]


def test_another_token_begins_without(host: Host) -> None:
    host.register(environment="sandbox")
    host.register(liveActivityToken="rotated")
    assert [session.environment for session in host.sessions()] == [None]


def test_the_push_carries_it(host: Host) -> None:
    host.register(environment="sandbox")
    host.end()
    assert [push.environment for push in host.push.sent] == ["sandbox"]


@pytest.mark.parametrize("said", ["", "Sandbox", "development", "auto", 1, True, [], {}])
def test_anything_else_is_a_400(memory_host: Host, said: Any) -> None:
    response = memory_host.register(environment=said)
    assert_failure(response, 400)
    assert response.get_json()["errors"][1].startswith("environment: ")
    assert memory_host.sessions() == []


def test_the_400_names_the_choices(memory_host: Host) -> None:
    assert_failure(
        memory_host.register(environment="development"),
        400,
        "environment: Must be production, sandbox, or left out.",
    )
