"""401, then 400, then 404 or 403, then 409."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity import StreamForbidden, StreamNotFound

from .host import BODY, PATH, Host, assert_failure


def forbid(stream_id: str, user_id: str) -> None:
    raise StreamForbidden


def not_found(stream_id: str, user_id: str) -> None:
    raise StreamNotFound


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"x" * 20_000])
def test_401_comes_before_400_and_413(memory_host: Host, body: bytes) -> None:
    assert_failure(memory_host.client.post(PATH, data=body), 401)


def test_401_comes_before_415(memory_host: Host) -> None:
    assert_failure(memory_host.client.post(PATH, data="a", content_type="text/plain"), 401)


def test_401_comes_before_the_guard(memory_host: Host) -> None:
    memory_host.guard = not_found
    assert_failure(memory_host.client.post(PATH, json=BODY), 401)


@pytest.mark.parametrize("guard", [forbid, not_found])
def test_400_comes_before_the_guard(memory_host: Host, guard) -> None:
    memory_host.guard = guard
    assert_failure(memory_host.register(activityId=""), 400)


def test_400_comes_before_409(memory_host: Host) -> None:
    memory_host.end()
    assert_failure(memory_host.register(activityId=""), 400)


@pytest.mark.parametrize(("guard", "status"), [(forbid, 403), (not_found, 404)])
def test_the_guard_comes_before_409(memory_host: Host, guard, status: int) -> None:
    memory_host.end()
    memory_host.guard = guard
    assert_failure(memory_host.register(), status)
    assert memory_host.sessions() == []


def test_the_guard_comes_before_another_users_token(memory_host: Host) -> None:
    memory_host.register("alice")
    memory_host.guard = forbid
    assert_failure(memory_host.register("bob"), 403)
