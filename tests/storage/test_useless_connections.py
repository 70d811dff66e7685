"""A server that has changed its mind about connections that wait in the pool: they are thrown away,
all of them, and the call that found it out succeeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import services
from pymongo import MongoClient
from sqlalchemy import Engine, create_engine, event, text

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    an_announcement,
    everything,
    keep,
)
from storage.opening import open_storage

SERVERS = ["postgresql_uri", "psycopg2_uri", "mariadb_uri", "mysqldb_uri"]
POOLED = 8

CONNECTIONS_OF_OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT id FROM information_schema.processlist "
    "WHERE db = database() AND id <> connection_id()",
}
CUT = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}

# As a connection is that came back from a failover, or that was opened while nobody might write.
READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}

CALLS: dict[str, Callable[[SQLStorage], object]] = {
    "register": keep,
    "announce": lambda storage: storage.streams.announce(an_announcement(), NOW),
    "touch": lambda storage: storage.streams.wake("stream", NOW, NOW),
    "purge": lambda storage: storage.purge(NEVER),
}


def fill_the_pool(engine: Engine, statement: str = "SELECT 1") -> None:
    """So many connections wait in it, and on each this was executed."""
    with ExitStack() as used:
        connections = [used.enter_context(engine.connect()) for _ in range(POOLED)]
        for connection in connections:
            connection.exec_driver_sql(statement)
            connection.commit()


def cut(uri: str) -> None:
    """Let the server close all connections of others, as when it restarts."""
    engine = create_engine(uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = connection.scalars(text(CONNECTIONS_OF_OTHERS[engine.dialect.name])).all()
        for number in others:
            connection.execute(text(CUT[engine.dialect.name].format(number)))
    engine.dispose()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    uri: str = request.getfixturevalue(request.param)
    return uri


@pytest.fixture(params=[*SERVERS, "sqlite_uri"])
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def opened(uri: str) -> SQLStorage:
    storage = open_storage(uri, pool_size=POOLED)
    assert isinstance(storage, SQLStorage)
    storage.purge(NEVER)
    return storage


@pytest.fixture
def storage(uri: str) -> Iterator[SQLStorage]:
    storage = opened(uri)
    yield storage
    storage.close()


@pytest.mark.parametrize("call", CALLS)
def test_connections_that_the_server_has_closed_fail_no_call(server: str, call: str) -> None:
    storage = opened(server)
    fill_the_pool(storage.engine)
    cut(server)
    CALLS[call](storage)
    storage.close()


def test_a_read_survives_connections_that_the_server_has_closed(server: str) -> None:
    storage = opened(server)
    fill_the_pool(storage.engine)
    cut(server)
    assert everything(storage) == []
    storage.close()


@pytest.mark.parametrize("call", CALLS)
def test_connections_that_have_become_read_only_fail_no_call(
    storage: SQLStorage, call: str
) -> None:
    engine = storage.engine
    fill_the_pool(engine, READ_ONLY[engine.dialect.name])
    CALLS[call](storage)


def test_none_of_them_is_used_again_by_the_host_either(uri: str) -> None:
    engine = create_engine(uri, pool_size=POOLED)
    storage = SQLStorage(engine)
    storage.purge(NEVER)
    fill_the_pool(engine, READ_ONLY[engine.dialect.name])
    opened_anew: list[object] = []
    event.listen(engine, "connect", lambda *_: opened_anew.append(_))
    keep(storage)
    with engine.begin() as connection, ExitStack() as used:
        for _ in range(POOLED - 1):
            used.enter_context(engine.connect())
        connection.execute(text("CREATE TABLE of_the_hosts (id INTEGER)"))
    assert len(opened_anew) == POOLED
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE of_the_hosts"))
    engine.dispose()


def test_an_error_of_the_hosts_own_throws_nothing_away(server: str) -> None:
    engine = create_engine(server)
    SQLStorage(engine).prepare()
    lost: list[Any] = []
    event.listen(engine, "invalidate", lambda *_: lost.append(_))
    with engine.connect() as connection:
        connection.exec_driver_sql(READ_ONLY[engine.dialect.name])
        connection.commit()
        with pytest.raises(Exception, match=r"(?i)read.only"):
            connection.execute(text("CREATE TABLE of_the_hosts (id INTEGER)"))
    assert lost == []
    engine.dispose()


def test_a_server_that_takes_no_writes_at_all_is_named_as_such(postgresql_uri: str) -> None:
    opened(postgresql_uri).close()
    storage = open_storage(
        postgresql_uri, connect_args={"options": "-c default_transaction_read_only=on"}
    )
    assert everything(storage) == []
    with pytest.raises(StorageUnavailable, match="takes no writes"):
        keep(storage)
    storage.close()


def test_a_pool_outlives_a_quiet_hour_on_mariadb(mariadb_uri: str) -> None:
    """What ends an idle transaction of ours must not end who waits in the pool."""
    storage = opened(mariadb_uri)
    with storage.engine.connect() as connection:
        quiet, in_a_transaction = connection.exec_driver_sql(
            "SELECT @@SESSION.wait_timeout, @@SESSION.idle_transaction_timeout"
        ).one()
        usual = connection.exec_driver_sql("SELECT @@GLOBAL.wait_timeout").scalar()
    assert quiet == usual
    assert 0 < in_a_transaction <= 60
    storage.close()


def test_connections_that_mariadb_has_ended_for_their_silence_fail_no_call(
    mariadb_uri: str,
) -> None:
    storage = opened(mariadb_uri)
    fill_the_pool(storage.engine, "SET SESSION wait_timeout = 1")
    watching = create_engine(mariadb_uri, isolation_level="AUTOCOMMIT")
    with watching.connect() as connection:
        while connection.scalars(text(CONNECTIONS_OF_OTHERS["mysql"])).all():
            connection.execute(text("DO SLEEP(0.1)"))
    watching.dispose()
    CALLS["announce"](storage)
    keep(storage)
    storage.close()


@pytest.mark.parametrize("code", [10107, 13435, 189])  # NotWritablePrimary and its relatives
def test_a_mongodb_that_is_no_primary_is_unavailable_until_it_is_one(code: int) -> None:
    # A server of its own: a real one fails on demand only where it was started for that.
    with services.mongodb_in_process() as server:
        _is_no_primary_for_a_while(f"{server}test", code)


def _is_no_primary_for_a_while(mongodb_uri: str, code: int) -> None:
    storage = open_storage(mongodb_uri, serverMonitoringMode="poll", heartbeatFrequencyMS=500)
    session = keep(storage)
    refuses = {"failCommands": ["update", "find"], "errorCode": code}
    with MongoClient[dict[str, Any]](mongodb_uri) as server:
        fail = {"configureFailPoint": "failCommand", "data": refuses}
        server.admin.command({**fail, "mode": "alwaysOn"})
        with pytest.raises(StorageUnavailable):
            keep(storage)
        server.admin.command({**fail, "mode": "off"})
    assert everything(storage) == [session]
    keep(storage)
    storage.close()
