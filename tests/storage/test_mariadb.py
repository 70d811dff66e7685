"""The contract, kept by a MariaDB server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
from storage.opening import check_who_waits, empty_tables, open_storage


@pytest.fixture(scope="module")
def engine(mariadb_uri: str) -> Iterator[Engine]:
    engine = create_engine(mariadb_uri)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module", params=["mariadb_uri", "mysqldb_uri"])
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


class TestMariaDB(StorageContract):
    """Nothing more than the contract."""
