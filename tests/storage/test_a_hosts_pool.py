"""The pool of a host's engine: our transactions have connections of their own, or it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    AssertionPool,
    Engine,
    NullPool,
    SingletonThreadPool,
    StaticPool,
    create_engine,
    text,
)

from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
    delivered,
    everything,
    keep,
    take,
)
from storage.opening import open_storage

SHARING = [StaticPool, SingletonThreadPool, AssertionPool]


@pytest.mark.parametrize("pool", SHARING)
def test_one_that_shares_a_connection_is_refused(pool: Any, sqlite_uri: str) -> None:
    engine = create_engine(sqlite_uri, poolclass=pool)
    with pytest.raises(ConfigurationError, match=f"{pool.__name__} has one connection.*memory://"):
        SQLStorage(engine)
    engine.dispose()


def test_a_database_in_memory_is_refused() -> None:
    engine = create_engine("sqlite://")
    with pytest.raises(ConfigurationError, match="another engine"):
        SQLStorage(engine)
    engine.dispose()


@pytest.mark.parametrize("pool", SHARING)
def test_one_in_the_options_is_refused_at_start(pool: Any, sqlite_uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"STORAGE_OPTIONS: .* one connection"):
        open_storage(sqlite_uri, poolclass=pool)


@pytest.fixture(params=["sqlite_uri", "postgresql_uri", "mariadb_uri"])
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["one", "none"])
def engine(request: pytest.FixtureRequest, uri: str) -> Iterator[Engine]:
    options: dict[str, Any] = {"poolclass": NullPool}
    if request.param == "one":
        options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
    engine = create_engine(uri, **options)
    yield engine
    engine.dispose()


def test_one_connection_after_the_other_is_enough(engine: Engine) -> None:
    storage = SQLStorage(engine)
    storage.prepare()
    session = keep(storage)
    storage.streams.announce(an_announcement(), NOW)
    storage.streams.wake(STREAM, NOW, NOW)
    assert session.session_id in [claimed.session_id for claimed in take(storage)]
    storage.sessions.settle([delivered(claimed) for claimed in take(storage)])


def test_a_host_who_holds_the_only_connection_is_told_to_commit_first(uri: str) -> None:
    engine = create_engine(uri, pool_size=1, max_overflow=0, pool_timeout=0.1)
    storage = SQLStorage(engine)
    storage.prepare()
    with (
        engine.connect(),
        pytest.raises(StorageUnavailable, match="commit your own transaction"),
    ):
        storage.streams.read("nobody's")
    assert storage.streams.read("nobody's") is None
    engine.dispose()


def test_what_a_host_rolls_back_is_rolled_back(uri: str) -> None:
    engine = create_engine(uri)
    storage = SQLStorage(engine)
    storage.prepare()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE hosts (id INTEGER)"))
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":  # there it would wait for itself
            connection.execute(text("INSERT INTO hosts VALUES (1)"))
        keep(storage)
        connection.rollback()
        assert connection.scalar(text("SELECT count(*) FROM hosts")) == 0
    engine.dispose()


def test_tables_in_another_schema_of_the_hosts(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA tenant"))
    storage = SQLStorage(engine.execution_options(schema_translate_map={None: "tenant"}))
    session = keep(storage)
    storage.streams.announce(an_announcement(), NOW)
    storage.streams.wake(STREAM, NOW, NOW)
    assert everything(storage) == [session]
    assert storage.sessions.settle([delivered(claimed) for claimed in take(storage)]) == 1
    with engine.connect() as connection:
        found = text("SELECT count(*) FROM tenant.live_activity_sessions")
        assert connection.scalar(found) == 1
    engine.dispose()


@pytest.mark.parametrize(
    "option", ["stream_results", "yield_per", "postgresql_readonly", "postgresql_deferrable"]
)
def test_options_for_what_the_host_reads_do_not_reach_what_we_write(
    postgresql_uri: str, option: str
) -> None:
    engine = create_engine(postgresql_uri)
    theirs = engine.execution_options(**{option: True})
    storage = SQLStorage(theirs)
    session = keep(storage)
    storage.streams.wake(STREAM, NOW, NOW)
    assert session in everything(storage)
    assert theirs.get_execution_options() == {option: True}
    engine.dispose()


def test_its_echo_shows_no_token(sqlite_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    engine = create_engine(sqlite_uri, echo=True)
    session = keep(SQLStorage(engine))
    engine.dispose()
    said = capsys.readouterr().out
    assert "INSERT INTO live_activity_sessions" in said
    assert session.token not in said
