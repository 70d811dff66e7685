"""The contract, kept in a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
from storage.opening import open_storage


@pytest.fixture
def storage(sqlite_uri: str) -> Iterator[Storage]:
    storage = open_storage(sqlite_uri)
    yield storage
    storage.close()


class TestSQLite(StorageContract):
    """Nothing more than the contract."""
