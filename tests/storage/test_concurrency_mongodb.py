"""Many threads and processes on one server that speaks MongoDB's wire protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import ProcessConcurrency, ThreadConcurrency
from storage.opening import open_storage


@pytest.fixture
def reopen(mongodb_uri: str) -> Callable[[], Storage]:
    return partial(open_storage, mongodb_uri)


@pytest.fixture
def storage(reopen: Callable[[], Storage]) -> Iterator[Storage]:
    storage = reopen()
    storage.purge(NEVER)
    yield storage
    storage.close()


class TestMongoDB(ThreadConcurrency, ProcessConcurrency):
    rounds = 2
    phones = 20
    phones_of_a_process = 20
