"""The contract, kept by a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, create_engine, text

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.storage.sql import SQLStorage, active_sessions, sessions
from flask_allmine_liveactivity.testing import StorageContract
from flask_allmine_liveactivity.testing.storage_contract.actors import at_once
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    a_session,
    an_announcement,
    keep,
)
from storage.opening import check_who_waits, empty_tables, open_storage


@pytest.fixture(scope="module")
def engine(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module", params=["postgresql_uri", "psycopg2_uri"])
def opened(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """By each driver."""
    storage = open_storage(request.getfixturevalue(request.param))
    storage.prepare()
    yield storage
    storage.close()


@pytest.fixture
def storage(opened: Storage, engine: Engine) -> Iterator[Storage]:
    empty_tables(engine)
    yield opened
    check_who_waits(engine)


class TestPostgreSQL(StorageContract):
    """Nothing more than the contract."""


def test_what_is_one_statement_is_one_answer_to_wait_for(
    postgresql_uri: str, tmp_path: Path
) -> None:
    traced = create_engine(postgresql_uri)
    storage = SQLStorage(traced)
    keep(storage)
    with (tmp_path / "trace").open("w+") as trace:
        with traced.connect() as connection:  # the pool's only one
            driver: Any = connection.connection.driver_connection
            driver.pgconn.trace(trace.fileno())
        new = a_session()
        storage.sessions.register(
            new, lambda met: Resolution(outcome=Outcome.STORED, write=new), at_most=100
        )
        keep(storage)
        storage.streams.wake(STREAM, NOW, NOW)
        storage.streams.read(STREAM)
        driver.pgconn.untrace()
        trace.seek(0)
        answers = [line for line in trace if "ReadyForQuery" in line]
    traced.dispose()
    assert len(answers) == 4


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_stricter_level_of_the_servers_refuses_nobody(
    postgresql_uri: str, engine: Engine, level: str
) -> None:
    escaped = level.replace(" ", "\\ ")
    options = {"options": f"-c default_transaction_isolation={escaped}"}
    strict = create_engine(postgresql_uri, pool_size=8, connect_args=options)
    storage = SQLStorage(strict)
    storage.prepare()
    empty_tables(engine)
    before = storage.streams.announce(an_announcement(), NOW)

    def write() -> None:
        for _ in range(20):
            storage.streams.write(STREAM, lambda row: row and replace(row, touch=row.touch + 1))

    at_once([write] * 8)
    after = storage.streams.read(STREAM)
    strict.dispose()
    assert after is not None
    assert after.touch == before.touch + 8 * 20


@pytest.mark.parametrize("table", [sessions, active_sessions], ids=str)
def test_each_page_has_room_for_a_second_version_of_its_rows(
    opened: Storage, engine: Engine, table: Table
) -> None:
    options = text("SELECT reloptions FROM pg_class WHERE relname = :name")
    with engine.connect() as connection:
        assert connection.scalar(options, {"name": table.name}) == ["fillfactor=50"]
