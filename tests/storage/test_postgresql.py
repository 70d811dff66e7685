"""The contract, kept by a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
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
