"""A look at a storage makes nothing in it: no table, no collection, no file and no folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services
from pymongo import MongoClient
from sqlalchemy import create_engine, inspect

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemoryStorage
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, keep
from storage.opening import open_storage

DATABASES = ["sqlite", "postgresql", "mariadb", "mongodb"]


@pytest.fixture(params=DATABASES)
def uri(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param in ("sqlite", "mongodb"):
        yield request.getfixturevalue(f"{request.param}_uri")
        return
    with getattr(services, request.param)() as found:
        yield found


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    yield storage
    storage.close()


def what_there_is(uri: str) -> set[str]:
    if uri.startswith("mongodb"):
        with MongoClient[dict[str, Any]](uri) as client:
            names = client.get_default_database().list_collection_names()
            return {name for name in names if name.startswith("live_activity")}
    engine = create_engine(uri)
    try:
        names = inspect(engine).get_table_names()
        return {name for name in names if name.startswith("live_activity")}
    finally:
        engine.dispose()


def test_an_empty_database_stays_empty(storage: Storage, uri: str) -> None:
    assert "live-activity prepare" in storage.check(NOW)
    assert what_there_is(uri) == set()


def test_one_that_is_prepared_is_counted(storage: Storage) -> None:
    keep(storage)
    found = storage.check(NOW)
    assert found.startswith("answers; 1 sessions running; ")
    assert "all indexes are there" in found or f"version {WANTED.number} is wanted" in found


def test_an_index_that_is_missing_is_named(mongodb_uri: str) -> None:
    storage = open_storage(mongodb_uri)
    storage.prepare()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.get_default_database()["live_activity_events"].drop_index("due_at_1")
    with pytest.raises(StorageUnavailable, match=r"live_activity_events: due_at\. .*prepare"):
        storage.check(NOW)
    storage.prepare()
    assert "all indexes are there" in storage.check(NOW)
    storage.close()


def test_an_index_that_is_not_unique_is_no_help(mongodb_uri: str) -> None:
    storage = open_storage(mongodb_uri)
    storage.prepare()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        sessions = client.get_default_database()["live_activity_sessions"]
        sessions.drop_index("hold_1")
        sessions.create_index("hold")
    with pytest.raises(StorageUnavailable, match=r"live_activity_sessions: hold \(unique\)"):
        storage.check(NOW)
    storage.close()


def test_no_file_and_no_folder_is_made(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/instance/host.db")
    assert "live-activity prepare" in storage.check(NOW)
    assert list(tmp_path.iterdir()) == []
    keep(storage)
    assert (tmp_path / "instance" / "host.db").is_file()
    storage.close()


def test_an_engine_of_the_hosts_is_left_as_it_is(sqlite_uri: str) -> None:
    engine = create_engine(sqlite_uri)
    assert "live-activity prepare" in SQLStorage(engine).check(NOW)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_storage_of_somebodys_own_need_not_know_of_it() -> None:
    assert MemoryStorage().check(NOW) == "answers; 0 sessions running"


def test_a_database_that_is_not_there_is_unavailable() -> None:
    storage = open_storage("postgresql+psycopg://ada@127.0.0.1:1/db")
    with pytest.raises(StorageUnavailable):
        storage.check(NOW)
    storage.close()
