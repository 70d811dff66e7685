"""The contract, kept in a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
from storage.opening import check_who_waits_at, open_storage


@pytest.fixture
def storage(sqlite_uri: str) -> Iterator[Storage]:
    storage = open_storage(sqlite_uri)
    storage.prepare()
    yield storage
    storage.close()
    check_who_waits_at(sqlite_uri)


class TestSQLite(StorageContract):
    """Nothing more than the contract."""
