"""500 and 503: what goes wrong on our side, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NoReturn

import pytest
from flask import got_request_exception

from flask_allmine_liveactivity import MemoryStorage, StorageUnavailable
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemorySessions

from .host import Host, assert_failure

Make = Callable[..., Host]


def broken(*_: object) -> None:
    raise RuntimeError("the host's guard is broken: password=hunter2")


def test_an_error_of_the_guards_is_a_500_in_the_envelope(memory_host: Host) -> None:
    memory_host.guard = broken
    assert_failure(memory_host.register(), 500)


def test_a_500_says_nothing_of_its_cause(memory_host: Host) -> None:
    memory_host.guard = broken
    assert memory_host.register().get_json()["errors"] == ["Internal Server Error"]


def test_an_error_reaches_error_trackers(memory_host: Host) -> None:
    memory_host.guard = broken
    seen: list[BaseException] = []

    def note(sender: object, exception: BaseException, **_: object) -> None:
        seen.append(exception)

    with got_request_exception.connected_to(note, memory_host.app):
        memory_host.register()
    assert [type(error) for error in seen] == [RuntimeError]


def test_an_error_is_logged_by_flask(memory_host: Host, caplog: pytest.LogCaptureFixture) -> None:
    memory_host.guard = broken
    memory_host.register()
    assert "Exception on /api/v1/notifications/live-activity-sessions" in caplog.text


def test_an_error_propagates_in_tests(make_host: Make) -> None:
    host = make_host(TESTING=True)
    host.guard = broken
    with pytest.raises(RuntimeError, match="the host's guard is broken"):
        host.register()


def test_a_failure_of_the_contract_does_not_propagate_in_tests(make_host: Make) -> None:
    assert_failure(make_host(TESTING=True).register(deviceId=""), 400)


class Down(MemorySessions):
    """A database that does not answer."""

    def register(self, *_: object, **__: object) -> NoReturn:
        raise StorageUnavailable("connection refused by db-17.internal")


def down(*_: object) -> Storage:
    return MemoryStorage(sessions=Down())


def host_without_storage(make_host: Make, **config: object) -> Host:
    return make_host(LIVE_ACTIVITY_STORAGE_URI=f"{__name__}:down", **config)


def test_a_storage_that_does_not_answer_is_a_503(make_host: Make) -> None:
    assert_failure(host_without_storage(make_host).register(), 503)


def test_a_503_says_nothing_of_its_cause(make_host: Make) -> None:
    assert b"db-17" not in host_without_storage(make_host).register().data


def test_a_503_is_logged(make_host: Make, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        host_without_storage(make_host).register()
    assert "connection refused by db-17.internal" in caplog.text


def test_a_503_comes_also_in_tests(make_host: Make) -> None:
    assert_failure(host_without_storage(make_host, TESTING=True).register(), 503)


def test_a_database_that_is_nowhere_is_a_503(make_host: Make) -> None:
    uri = "mongodb://127.0.0.1:9/allmine?serverSelectionTimeoutMS=50"
    host = make_host(storage_uri=uri)
    assert_failure(host.register(), 503)


def test_a_sqlite_file_that_is_none_is_a_503(make_host: Make, tmp_path) -> None:
    file = tmp_path / "live_activity.db"
    file.write_text("This is no database, but a text of more than a hundred characters. " * 9)
    assert_failure(make_host(storage_uri=f"sqlite:///{file}").register(), 503)


def test_a_block_list_that_cannot_be_reached_is_a_503(memory_host: Host) -> None:
    def unreachable(header: object, data: object) -> bool:
        raise ConnectionError("redis is away")

    memory_host.jwt.token_in_blocklist_loader(unreachable)
    assert_failure(memory_host.register(), 503)
    assert memory_host.sessions() == []


def test_a_block_list_that_cannot_be_reached_is_logged(
    memory_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(header: object, data: object) -> bool:
        raise ConnectionError("redis is away")

    memory_host.jwt.token_in_blocklist_loader(unreachable)
    memory_host.register()
    assert "redis is away" in caplog.text


def test_a_user_look_up_that_fails_is_a_503(memory_host: Host) -> None:
    def unreachable(header: object, data: object) -> object:
        raise ConnectionError("the users' database is away")

    memory_host.jwt.user_lookup_loader(unreachable)
    assert_failure(memory_host.register(), 503)


def test_no_token_reaches_the_log(memory_host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    memory_host.register(liveActivityToken="a-very-secret-token")
    memory_host.end()
    memory_host.register(liveActivityToken="a-very-secret-token")
    memory_host.guard = broken
    memory_host.register(liveActivityToken="a-very-secret-token")
    assert "a-very-secret-token" not in caplog.text
