"""Empty storages for one example after another: a database is made once, and emptied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import services
from pymongo import MongoClient
from sqlalchemy import create_engine
from storage.opening import check_who_waits, empty_tables

from flask_allmine_liveactivity import MemoryStorage, MongoStorage, SQLStorage
from flask_allmine_liveactivity.storage.base import Storage

Opener = Callable[[], AbstractContextManager[Storage]]


@contextlib.contextmanager
def memory() -> Iterator[Storage]:
    yield MemoryStorage()


@contextlib.contextmanager
def sql(uri: str) -> Iterator[Opener]:
    """Over any database that SQLAlchemy reaches."""
    engine = create_engine(uri)
    SQLStorage(engine).prepare()

    @contextlib.contextmanager
    def empty() -> Iterator[Storage]:
        empty_tables(engine)
        yield SQLStorage(engine)
        check_who_waits(engine)

    try:
        yield empty
    finally:
        engine.dispose()


@contextlib.contextmanager
def mongodb() -> Iterator[Opener]:
    """Over MongoDB's wire protocol."""
    with services.mongodb() as uri, MongoClient(uri) as client:
        database = client.get_default_database()
        MongoStorage(database).prepare()

        @contextlib.contextmanager
        def empty() -> Iterator[Storage]:
            for name in database.list_collection_names():
                database[name].delete_many({})
            yield MongoStorage(database)

        yield empty
