"""A fan-out's writes are copied from SQLite's log to the file while phones go on registering."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from flask_allmine_liveactivity.storage.sql import SQLStorage, sqlite
from flask_allmine_liveactivity.testing.storage_contract.actors import PATIENCE
from flask_allmine_liveactivity.testing.storage_contract.records import (
    everything,
    keep,
    keep_many,
    take,
)


@pytest.fixture
def engine(sqlite_uri: str) -> Iterator[Engine]:
    engine = create_engine(sqlite_uri)
    event.listen(engine, "connect", sqlite.open_durably)
    yield engine
    engine.dispose()


@pytest.fixture
def storage(engine: Engine) -> SQLStorage:
    storage = SQLStorage(engine)
    keep_many(storage, 5)
    return storage


def at_checkpoints(engine: Engine, do: Callable[[], object]) -> None:
    def executes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "wal_checkpoint" in statement:
            do()

    event.listen(engine, "before_cursor_execute", executes)


def claimed_in_the_file_alone(uri: str) -> int:
    """How many are claimed for one who knows nothing of the log."""
    file = sqlite3.connect(f"file:{make_url(uri).database}?immutable=1", uri=True)
    try:
        sql = "SELECT count(*) FROM live_activity_waiting WHERE claim_id IS NOT NULL"
        return int(file.execute(sql).fetchone()[0])
    finally:
        file.close()


def test_what_batches_wrote_comes_to_the_file(
    storage: SQLStorage, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_EVERY", 2)
    for _ in range(4):
        take(storage, limit=1)
    assert claimed_in_the_file_alone(sqlite_uri) == 4


def test_it_comes_there_seldom(storage: SQLStorage, engine: Engine) -> None:
    checkpoints: list[None] = []
    at_checkpoints(engine, lambda: checkpoints.append(None))
    for _ in range(2 * sqlite.CHECKPOINT_EVERY):
        take(storage)
    assert len(checkpoints) == 2


@pytest.mark.usefixtures("storage")
def test_a_phone_registers_meanwhile(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_EVERY", 1)
    # Who waits for a turn that does not end goes on by itself after so long.
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 2 * PATIENCE)
    storage = SQLStorage(engine)
    begun, registered = Event(), Event()

    def wait_for_the_phone() -> None:
        begun.set()
        assert registered.wait(PATIENCE), "the phone waits for the checkpoint"

    at_checkpoints(engine, wait_for_the_phone)
    with ThreadPoolExecutor(1) as workers:
        claim = workers.submit(take, storage)
        assert begun.wait(PATIENCE)
        keep(
            storage,
            session_id="a phone",
            token="another",
            identity="another",
            activity_lock="another",
        )
        registered.set()
        assert len(claim.result(PATIENCE)) == 5
    assert len(everything(storage)) == 6


def test_what_stands_in_its_way_does_not_take_the_claim_back(
    storage: SQLStorage, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_EVERY", 1)

    def fail() -> None:
        raise OperationalError("PRAGMA", None, sqlite3.OperationalError("disk I/O error"))

    at_checkpoints(engine, fail)
    assert len(take(storage)) == 5
