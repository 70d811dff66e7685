"""Workers that start together, at the first deploy, all find the tables."""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract import actors
from flask_allmine_liveactivity.testing.storage_contract.concurrency import stop
from flask_allmine_liveactivity.testing.storage_contract.records import keep
from storage.opening import open_storage
from storage.preparing import prepare_each

PROCESSES = 8
ROUNDS = 4


@contextmanager
def fresh(database: str, directory: Path, mongodb_server: str | None) -> Iterator[str]:
    """A database that nobody has prepared."""
    if database == "sqlite":
        yield f"sqlite:///{directory}/{uuid.uuid4().hex}.db"
    elif database == "mongodb":
        assert mongodb_server is not None
        with services.mongodb_database(mongodb_server) as uri:
            yield uri
    else:
        with getattr(services, database)() as uri:
            yield uri


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "mongodb"])
def fresh_uris(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    server = request.getfixturevalue("mongodb_server") if request.param == "mongodb" else None
    with ExitStack() as databases:
        yield [
            databases.enter_context(fresh(request.param, tmp_path, server)) for _ in range(ROUNDS)
        ]


def test_eight_processes_prepare_one_fresh_database_at_once(fresh_uris: list[str]) -> None:
    spawn = multiprocessing.get_context("spawn")
    told, start = spawn.Queue(), spawn.Barrier(PROCESSES)
    processes = [
        spawn.Process(target=prepare_each, args=(fresh_uris, start, told)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    try:
        results = [told.get(timeout=actors.PATIENCE) for _ in range(PROCESSES * ROUNDS)]
    finally:
        stop(processes)
    assert results == [0] * PROCESSES * ROUNDS


def test_eight_threads_prepare_one_fresh_database_at_once(fresh_uris: list[str]) -> None:
    storages = [open_storage(fresh_uris[0]) for _ in range(8)]
    actors.at_once([storage.prepare for storage in storages])
    session = keep(storages[0])
    assert storages[1].sessions.page() == [session]
    close_all(storages)


def test_nobody_needs_to_prepare_before_the_first_use(fresh_uris: list[str]) -> None:
    storage = open_storage(fresh_uris[0])
    assert storage.sessions.page() == []
    storage.close()


def test_tables_that_another_process_made_are_used(fresh_uris: list[str]) -> None:
    storages = [open_storage(fresh_uris[0]) for _ in range(2)]
    session = keep(storages[0])
    storages[1].prepare()
    assert storages[1].sessions.page() == [session]
    close_all(storages)


def close_all(storages: list[Storage]) -> None:
    for storage in storages:
        storage.close()
