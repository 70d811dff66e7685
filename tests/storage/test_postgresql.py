"""The contract, kept by a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing import StorageContract
from flask_allmine_liveactivity.testing.storage_contract.actors import at_once
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
    keep,
)
from storage.opening import check_who_waits, empty_tables, open_storage


@pytest.fixture(scope="module")
def engine(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def opened(postgresql_uri: str) -> Iterator[Storage]:
    storage = open_storage(postgresql_uri)
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
        keep(storage)
        storage.touch(STREAM, NOW, NOW)
        storage.event(STREAM)
        driver.pgconn.untrace()
        trace.seek(0)
        answers = [line for line in trace if "ReadyForQuery" in line]
    traced.dispose()
    assert len(answers) == 3


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
    before = storage.announce(an_announcement(), NOW)
    touch = partial(storage.touch, STREAM, NOW, NOW)
    touches: list[Callable[[], object]] = [lambda: [touch() for _ in range(20)]] * 8
    at_once(touches)
    after = storage.event(STREAM)
    strict.dispose()
    assert after is not None
    assert after.touch == before.touch + 8 * 20
