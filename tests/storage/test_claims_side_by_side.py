"""A worker whose claim is not committed yet keeps no other from his."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from flask_allmine_liveactivity.model import NEVER, Session
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.actors import PATIENCE
from flask_allmine_liveactivity.testing.storage_contract.records import ids, keep_many, take

WORKERS = 8
BATCH = 5


class Slow:
    """Workers that have claimed, and whose commit takes until they are let go."""

    def __init__(self, engine: Engine, workers: int) -> None:
        self.storage = SQLStorage(engine)
        self.storage.prepare()
        self._arrived = threading.Semaphore(0)
        self._go = threading.Event()
        event.listen(engine, "commit", self._commits)
        self._threads = ThreadPoolExecutor(workers)

    def _commits(self, connection: Any) -> None:
        self._arrived.release()
        assert self._go.wait(PATIENCE)

    def claim(self) -> Future[list[Session]]:
        """Claim in a thread of its own; returns once it is about to be committed."""
        future = self._threads.submit(take, self.storage, limit=BATCH)
        assert self._arrived.acquire(timeout=PATIENCE), "a worker waits for another"
        return future

    def let_go(self) -> None:
        self._go.set()
        self._threads.shutdown()


@pytest.fixture(params=["postgresql", "mariadb"])
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_uri")
    return found


@pytest.fixture
def opened(uri: str) -> Iterator[Callable[[], Engine]]:
    engines: list[Engine] = []

    def engine() -> Engine:
        engines.append(create_engine(uri, pool_size=WORKERS))
        return engines[-1]

    yield engine
    for each in engines:
        each.dispose()


def test_eight_workers_claim_from_one_stream_while_none_has_committed(
    opened: Callable[[], Engine],
) -> None:
    storage = SQLStorage(opened())
    storage.purge(NEVER)
    rows = keep_many(storage, WORKERS * BATCH)
    slow = Slow(opened(), WORKERS)
    try:
        claims = [slow.claim() for _ in range(WORKERS)]
    finally:
        slow.let_go()
    claimed = [ids(claim.result(PATIENCE)) for claim in claims]
    assert [len(each) for each in claimed] == [BATCH] * WORKERS
    assert set().union(*claimed) == ids(rows)


def test_a_claim_under_way_keeps_no_phone_from_registering(opened: Callable[[], Engine]) -> None:
    storage = SQLStorage(opened())
    storage.purge(NEVER)
    keep_many(storage, BATCH)
    slow = Slow(opened(), 1)
    try:
        claim = slow.claim()
        with ThreadPoolExecutor(1) as phones:
            late = phones.submit(keep_many, storage, BATCH).result(PATIENCE)
    finally:
        slow.let_go()
    assert len(claim.result(PATIENCE)) == BATCH
    assert ids(take(storage)) == ids(late)
