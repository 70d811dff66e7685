"""Many threads and processes on one server that speaks MongoDB's wire protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.base import Storage
from storage.concurrency import ProcessConcurrency, ThreadConcurrency
from storage.opening import open_storage


@pytest.fixture
def uri(mongodb_uri: str) -> str:
    return mongodb_uri


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    storage.purge(NEVER)
    yield storage
    storage.close()


class TestMongoDB(ThreadConcurrency, ProcessConcurrency):
    rounds = 2
    phones = 20
    phones_of_a_process = 20
