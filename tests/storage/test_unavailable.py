"""A database that is not there: ``StorageUnavailable``, and no token in any message."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import NEVER, Session, StreamEvent, next_event
from flask_allmine_liveactivity.storage.base import Outcome, Resolution, Storage
from flask_allmine_liveactivity.storage.sql import metadata
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    a_session,
    an_announcement,
    delivered,
    everything,
    keep,
    later,
    take,
)
from storage.opening import open_storage

TOKEN = "5ec7e7" * 10


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(params=["postgresql+psycopg", "mysql+pymysql", "mongodb", "sqlite"])
def nobody_there(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """A storage whose server is not there."""
    if request.param == "sqlite":
        storage = open_storage("sqlite:////proc/nowhere.db")
    elif request.param == "mongodb":
        uri = f"mongodb://127.0.0.1:{unused_port()}/db"
        storage = open_storage(uri, serverSelectionTimeoutMS=50)
    else:
        storage = open_storage(f"{request.param}://user:pass5word@127.0.0.1:{unused_port()}/db")
    yield storage
    storage.close()


SESSION: Session = a_session(token=TOKEN, claim_id="c" * 32)
EVENT: StreamEvent = next_event(None, an_announcement(), NOW)
STORED = Resolution(outcome=Outcome.STORED, write=SESSION)

CALLS: dict[str, Callable[[Storage], Any]] = {
    "prepare": lambda storage: storage.prepare(),
    "register": lambda storage: storage.register(SESSION, lambda met: STORED),
    "count_of_user": lambda storage: storage.count_of_user("ada"),
    "make_room": lambda storage: storage.make_room("ada", 1, NOW),
    "announce": lambda storage: storage.announce(an_announcement(), NOW),
    "touch": lambda storage: storage.touch(STREAM, NOW, NOW),
    "event": lambda storage: storage.event(STREAM),
    "due_events": lambda storage: storage.due_events(NOW, 1),
    "held_events": lambda storage: storage.held_events(1),
    "claim": take,
    "settle": lambda storage: storage.settle([delivered(SESSION), later(SESSION)]),
    "next_due": lambda storage: storage.next_due(STREAM, 1),
    "rest": lambda storage: storage.rest(EVENT, NOW),
    "hold": lambda storage: storage.hold(EVENT, "Why", NOW, NOW),
    "lift": lambda storage: storage.lift(None, NOW),
    "reopen": lambda storage: storage.reopen(STREAM, NOW),
    "revive": lambda storage: storage.revive(None, NOW),
    "release": lambda storage: storage.release("ada", "phone"),
    "forget_user": lambda storage: storage.forget_user("ada"),
    "purge": lambda storage: storage.purge(NOW),
    "counts": lambda storage: storage.counts(NOW),
    "sessions": lambda storage: storage.sessions(),
}


def said(caught: pytest.ExceptionInfo[BaseException]) -> str:
    """Everything that a log would show of an error."""
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("call", CALLS)
def test_every_call_says_that_the_storage_is_not_there(nobody_there: Storage, call: str) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        CALLS[call](nobody_there)
    assert TOKEN not in said(caught)
    assert "pass5word" not in said(caught)


def test_every_method_of_a_storage_is_tried() -> None:
    assert set(CALLS) == Storage.__abstractmethods__ - {"close"}


@pytest.mark.parametrize("uri", ["postgresql_uri", "mariadb_uri", "sqlite_uri"])
def test_every_call_says_that_somebody_has_dropped_the_tables(
    uri: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(uri)
    storage = open_storage(found)
    storage.prepare()
    drop_tables(found)
    for name in CALLS.keys() - {"prepare"}:
        with pytest.raises(StorageUnavailable) as caught:
            CALLS[name](storage)
        assert TOKEN not in said(caught)
    storage.close()


def drop_tables(uri: str) -> None:
    engine = create_engine(uri)
    with engine.begin() as connection:
        for table in metadata.tables:
            connection.execute(text(f"DROP TABLE {table}"))
    engine.dispose()


CONNECTIONS_OF_OTHERS = {
    "postgresql_uri": "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb_uri": "SELECT id FROM information_schema.processlist "
    "WHERE db = database() AND id <> connection_id()",
}
CUT = {"postgresql_uri": "SELECT pg_terminate_backend({})", "mariadb_uri": "KILL {}"}


@pytest.fixture(params=["postgresql_uri", "mariadb_uri"])
def cut(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """A storage whose connection the server has closed while it waited in the pool."""
    uri = request.getfixturevalue(request.param)
    storage = open_storage(uri, pool_pre_ping=False)
    storage.purge(NEVER)
    engine = create_engine(uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for (pid,) in connection.execute(text(CONNECTIONS_OF_OTHERS[request.param])).all():
            connection.execute(text(CUT[request.param].format(pid)))
    engine.dispose()
    yield storage
    storage.close()


def test_a_write_survives_a_connection_that_the_server_has_closed(cut: Storage) -> None:
    session = keep(cut)
    assert everything(cut) == [session]


def test_a_read_survives_a_connection_that_the_server_has_closed(cut: Storage) -> None:
    assert everything(cut) == []


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("This is no database. " * 200)
    storage = open_storage(f"sqlite:///{file}")
    with pytest.raises(StorageUnavailable, match="not a database"):
        storage.sessions()
    storage.close()


def test_a_connection_that_is_read_only_is_not_used_again(sqlite_uri: str) -> None:
    """SQLite leaves one so for good that was opened while the file could not be written."""
    storage = open_storage(sqlite_uri)
    storage.prepare()
    engine = storage._transactions.engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StorageUnavailable, match="readonly"):
        keep(storage)
    session = keep(storage)
    assert everything(storage) == [session]
    storage.close()


@pytest.mark.parametrize("uri", ["postgresql_uri", "mariadb_uri"])
def test_a_value_that_the_database_refuses_is_not_quoted(
    uri: str, request: pytest.FixtureRequest
) -> None:
    storage = open_storage(request.getfixturevalue(uri))
    with pytest.raises(StorageUnavailable) as caught:
        keep(storage, token=TOKEN * 200)
    assert TOKEN not in said(caught)
    storage.close()


@pytest.mark.parametrize("uri", ["sqlite_uri", "postgresql_uri", "mariadb_uri", "mongodb_uri"])
def test_a_rule_that_never_fits_is_given_up_without_quoting_a_token(
    uri: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes a token that another row has: no database lets it."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    storage = open_storage(request.getfixturevalue(uri))
    other = keep(storage, token=TOKEN)
    session = a_session()
    resolution = Resolution(
        outcome=Outcome.STORED, write=a_session(token=TOKEN, identity=session.identity)
    )
    with pytest.raises(StorageUnavailable, match="other writers") as caught:
        storage.register(session, lambda met: resolution)
    assert TOKEN not in said(caught)
    assert other in everything(storage)
    storage.close()
