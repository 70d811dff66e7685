"""Tables and collections that vanish under a living app: what registration relies on is seen, not
remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.mongodb import MongoStorage
from flask_allmine_liveactivity.storage.sql import metadata
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, everything
from storage.opening import open_storage
from storage.test_unavailable import CALLS

SQL = ["postgresql_uri", "mariadb_uri", "sqlite_uri"]
TABLES = sorted(metadata.tables)
RECORDS = [table for table in TABLES if table != "live_activity_schema"]


def sign_up(storage: Storage, user: str, token: str) -> Answer:
    claimant = Claimant(
        user_id=user, device_id=f"{user}'s", activity_id=f"of-{user}", stream_id="s", token=token
    )
    return register(storage, claimant, now=NOW, lifetime=3600, max_per_user=None)


def one_token_is_one_users(storage: Storage) -> None:
    assert sign_up(storage, "ada", "first") is Answer.REGISTERED
    assert sign_up(storage, "grace", "first") is Answer.CONFLICT
    assert [session.user_id for session in everything(storage)] == ["ada"]


class TestCollections:
    @pytest.fixture(params=["mongodb", "mongomock"])
    def client(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        if request.param == "mongomock":
            yield pytest.importorskip("mongomock").MongoClient("mongodb://localhost/vanishing")
            return
        with MongoClient[dict[str, Any]](request.getfixturevalue("mongodb_uri")) as client:
            yield client

    @pytest.fixture
    def storage(self, client: Any) -> MongoStorage:
        storage = MongoStorage(client.get_default_database())
        sign_up(storage, "ada", "before")
        return storage

    def test_after_the_database_was_dropped(self, client: Any, storage: MongoStorage) -> None:
        client.drop_database(client.get_default_database().name)
        one_token_is_one_users(storage)

    def test_after_the_collection_was_dropped(self, client: Any, storage: MongoStorage) -> None:
        client.get_default_database().drop_collection("live_activity_sessions")
        one_token_is_one_users(storage)

    def test_after_somebody_has_written_to_the_collection_without_indexes(
        self, client: Any, storage: MongoStorage
    ) -> None:
        client.drop_database(client.get_default_database().name)
        client.get_default_database()["live_activity_sessions"].insert_one({"_id": "x"})
        client.get_default_database()["live_activity_sessions"].delete_one({"_id": "x"})
        one_token_is_one_users(storage)

    def test_a_rotation_without_indexes_takes_no_ones_token(
        self, client: Any, storage: MongoStorage
    ) -> None:
        sign_up(storage, "grace", "hers")
        client.get_default_database()["live_activity_sessions"].drop_indexes()
        assert sign_up(storage, "ada", "hers") is Answer.CONFLICT

    def test_all_indexes_are_back(self, client: Any, storage: MongoStorage) -> None:
        sessions = client.get_default_database()["live_activity_sessions"]
        before = set(sessions.index_information())
        client.drop_database(client.get_default_database().name)
        sign_up(storage, "ada", "after")
        assert set(sessions.index_information()) == before

    def test_preparing_looks_again(self, client: Any, storage: MongoStorage) -> None:
        client.drop_database(client.get_default_database().name)
        storage.prepare()
        assert (
            "token_1" in client.get_default_database()["live_activity_sessions"].index_information()
        )

    def test_documents_that_share_a_token_are_named_as_what_is_in_the_way(
        self, client: Any, storage: MongoStorage
    ) -> None:
        sessions = client.get_default_database()["live_activity_sessions"]
        client.drop_database(client.get_default_database().name)
        for name in "ab":
            sessions.insert_one({"_id": name, "token": "5ec7e7", "identity": name, "hold": name})
        with pytest.raises(StorageUnavailable, match="have one token together") as caught:
            sign_up(storage, "ada", "after")
        assert "5ec7e7" not in str(caught.value)


class TestTables:
    @pytest.fixture(params=SQL)
    def uri(self, request: pytest.FixtureRequest) -> str:
        found: str = request.getfixturevalue(request.param)
        return found

    @pytest.fixture
    def engine(self, uri: str) -> Iterator[Engine]:
        engine = create_engine(uri)
        yield engine
        drop(engine, *TABLES)  # what a test has left is not another's
        engine.dispose()

    @pytest.fixture
    def storage(self, uri: str, engine: Engine) -> Iterator[Storage]:
        storage = open_storage(uri)
        storage.prepare()
        yield storage
        storage.close()

    @pytest.mark.parametrize("call", sorted(CALLS))
    def test_every_call_makes_them_again(self, storage: Storage, engine: Engine, call: str) -> None:
        drop(engine, *TABLES)
        CALLS[call](storage)
        assert everything(storage) == [] or call == "sessions.register"

    @pytest.mark.parametrize("call", ["sessions.register", "sessions.page"])
    def test_the_version_alone_stays(self, storage: Storage, engine: Engine, call: str) -> None:
        drop(engine, *RECORDS)
        CALLS[call](storage)
        assert everything(storage) == [] or call == "sessions.register"

    @pytest.mark.parametrize("table", TABLES)
    def test_one_of_them(self, storage: Storage, engine: Engine, table: str) -> None:
        drop(engine, table)
        one_token_is_one_users(storage)

    def test_preparing_looks_again(self, storage: Storage, engine: Engine) -> None:
        drop(engine, *TABLES)
        storage.prepare()
        with engine.connect() as connection:
            for table in RECORDS:
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0

    def test_a_table_that_keeps_no_token_unique_is_refused(
        self, uri: str, storage: Storage, engine: Engine
    ) -> None:
        drop(engine, "live_activity_sessions")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE live_activity_sessions (token VARCHAR(255))"))
        other = open_storage(uri)
        refused: list[Callable[[], object]] = [storage.prepare, other.sessions.page]
        for call in refused:
            with pytest.raises(StorageUnavailable, match=r"does not keep .* unique"):
                call()
        other.close()


def drop(engine: Engine, *tables: str) -> None:
    with engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


def test_tables_that_may_not_be_made_are_named(postgresql_uri: str) -> None:
    storage = open_storage(
        postgresql_uri, connect_args={"options": "-c search_path=nowhere_to_be_found"}
    )
    with pytest.raises(StorageUnavailable, match="flask live-activity prepare"):
        storage.sessions.page()
    storage.close()


def test_a_file_that_was_deleted_is_made_again(sqlite_uri: str) -> None:
    """Or each process would write on to a file of its own that has no name."""
    storage, other = open_storage(sqlite_uri), open_storage(sqlite_uri)
    for each in (storage, other):
        sign_up(each, "ada", "before")
    file = Path(str(make_url(sqlite_uri).database))
    for found in file.parent.glob(f"{file.name}*"):
        found.unlink()
    assert sign_up(storage, "ada", "after") is Answer.REGISTERED
    assert sign_up(other, "grace", "after") is Answer.CONFLICT
    for each in (storage, other):
        each.close()
