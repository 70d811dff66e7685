"""A server that says nothing any more delays, and never for ever; nor does a machine of ours."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from faults.proxy import Proxy
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.phones.registration import resolve
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Resolution
from flask_allmine_liveactivity.storage.sql import patience
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, a_session, keep
from storage.opening import open_storage

SQL = ["postgresql_uri", "mariadb_uri"]
# What waits longer hangs, in seconds.
HANG = 60
# Not at once, as where a connection is refused.
GIVEN_UP = r"no answer for 1 s|timed out|timeout expired"

pytestmark = pytest.mark.timeout(HANG)


@pytest.fixture(params=SQL)
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(uri: str) -> Iterator[Proxy]:
    default = 5432 if uri.startswith("postgresql") else 3306
    with Proxy(make_url(uri).port or default) as made:
        yield made


@pytest.fixture
def through(uri: str, proxy: Proxy) -> str:
    """The database's URI through the proxy."""
    url = make_url(uri).set(host="127.0.0.1", port=proxy.port)
    return url.render_as_string(hide_password=False)


def a_storage(uri: str, **connect_args: Any) -> Storage:
    storage = open_storage(uri, connect_args=connect_args)
    storage.prepare()
    return storage


def test_a_server_that_falls_silent_is_unavailable_after_its_time(
    through: str, proxy: Proxy
) -> None:
    storage = a_storage(through, read_timeout=1, connect_timeout=2)
    with proxy.silence(), pytest.raises(StorageUnavailable, match=GIVEN_UP):
        storage.streams.read("s")
    assert storage.streams.read("s") is None
    storage.close()


def test_a_time_in_the_uri_counts(through: str, proxy: Proxy) -> None:
    storage = a_storage(f"{through}?read_timeout=1&connect_timeout=2")
    proxy.fall_silent()
    with pytest.raises(StorageUnavailable, match=GIVEN_UP):
        storage.streams.read("s")
    storage.close()


def test_a_statement_that_is_given_up_is_ended_in_postgresql(postgresql_uri: str) -> None:
    """Or each attempt would leave one behind that waits for the same lock."""
    storage = a_storage(postgresql_uri, read_timeout=1)
    engine = create_engine(postgresql_uri)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE live_activity_events"))
        with pytest.raises(StorageUnavailable, match="no answer for 1 s"):
            storage.streams.read("s")
        # The server sees to it a moment later; the lock stands all the while.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            while watching.scalar(waiting):
                time.sleep(0.01)
    engine.dispose()
    storage.close()


def _resolve(session: Session, met: list[Session]) -> Resolution:
    return resolve(session, met, NOW)


def test_a_transaction_of_a_machine_that_has_vanished_is_ended_by_the_server(
    uri: str, through: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITS_FOR_US", 1)
    other = a_storage(uri)
    session = keep(other)
    vanishing = a_storage(through, read_timeout=2, connect_timeout=1)
    locked = threading.Event()

    def vanish(met: list[Session]) -> Resolution:
        if met:  # it has locked what it has met, and does not come to its commit
            proxy.fall_silent()
            locked.set()
        return _resolve(session, met)

    def work() -> None:
        with pytest.raises(StorageUnavailable):
            vanishing.sessions.register(session, vanish)

    thread = threading.Thread(target=work)
    thread.start()
    assert locked.wait(HANG)
    # MariaDB would give up after 50 s, and PostgreSQL never.
    other.sessions.register(a_session(token=session.token), lambda met: _resolve(session, met))
    thread.join()
    for storage in (other, vanishing):
        storage.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
@pytest.mark.parametrize("uri_by", [*SQL, "psycopg2_uri", "mysqldb_uri"])
def test_a_machine_that_has_vanished_is_found_out_by_tcp(
    uri_by: str, request: pytest.FixtureRequest
) -> None:
    storage = a_storage(request.getfixturevalue(uri_by))
    found: list[tuple[int, int]] = []

    def look(connection: Any, *_: object) -> None:
        number = connection.fileno() if hasattr(connection, "fileno") else connection._sock.fileno()
        with socket.socket(fileno=os.dup(number)) as connected:
            found.append(
                (
                    connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                    connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                )
            )

    event.listen(storage.engine, "checkout", look)  # type: ignore[attr-defined]
    storage.streams.read("s")
    assert found == [(patience.GONE_AFTER * 1000, patience.ASK_AFTER)]
    storage.close()


def test_what_the_host_says_counts() -> None:
    url = make_url("postgresql+psycopg://host/db?keepalives_idle=7")
    assert "keepalives_idle" not in patience.connect_args(url)
    assert patience.connect_args(make_url("sqlite:///a.db")) == {}
