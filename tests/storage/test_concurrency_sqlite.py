"""Many threads and processes on one SQLite file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.base import Storage
from storage.concurrency import ProcessConcurrency, ThreadConcurrency
from storage.opening import open_storage


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    storage.purge(NEVER)
    yield storage
    storage.close()


class TestSQLite(ThreadConcurrency, ProcessConcurrency):
    """Nothing more than the contract."""
