"""A worker is killed with -9 between two claims: what it had in its hands comes due again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.base import Storage
from storage import actors
from storage.opening import open_storage
from storage.records import LEASE, NOW, everything, ids, keep_many, take

SESSIONS = 400
BATCH = 3


@pytest.fixture(params=["sqlite_uri", "postgresql_uri", "mariadb_uri", "mongodb_uri"])
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    storage.purge(NEVER)
    yield storage
    storage.close()


@pytest.fixture
def taken_to_the_grave(storage: Storage, uri: str) -> set[str]:
    """What a worker said that it had claimed before it was killed, in the midst of claiming."""
    keep_many(storage, SESSIONS)
    spawn = multiprocessing.get_context("spawn")
    told = spawn.SimpleQueue()
    process = spawn.Process(target=actors.claim_for_ever, args=(uri, BATCH, told))
    process.start()
    batches = [told.get() for _ in range(5)]
    process.kill()
    process.join()
    assert process.exitcode == -9
    process.close()
    told.close()
    return {session_id for batch in batches for session_id in batch}


def test_a_killed_workers_sessions_are_claimed_by_others_after_its_lease(
    storage: Storage, taken_to_the_grave: set[str]
) -> None:
    rows = ids(everything(storage))
    before = ids(take(storage, limit=SESSIONS, now=NOW + LEASE - 1))
    after = ids(take(storage, limit=SESSIONS, now=NOW + LEASE))
    assert len(rows) == SESSIONS
    assert before, "the worker was to be killed before it had claimed all"
    assert before.isdisjoint(taken_to_the_grave)
    assert taken_to_the_grave <= after
    assert before | after == rows
