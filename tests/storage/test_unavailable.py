"""A database that is not there: ``StorageUnavailable``, and no token in any message."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import Session, StreamEvent, next_event
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.storage.sessions import Sessions
from flask_allmine_liveactivity.storage.streams import Streams
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
    "counts": lambda storage: storage.counts(NOW),
    "forget_user": lambda storage: storage.forget_user("ada"),
    "purge": lambda storage: storage.purge(NOW),
    "sessions.register": lambda storage: storage.sessions.register(SESSION, lambda met: STORED),
    "sessions.count_of_user": lambda storage: storage.sessions.count_of_user("ada"),
    "sessions.page": lambda storage: storage.sessions.page(),
    "sessions.claim": take,
    "sessions.claim_each": lambda storage: storage.sessions.claim_each(
        [EVENT], claim_id="c" * 32, limit=1, now=NOW, leased_until=NOW
    ),
    "sessions.settle": lambda storage: storage.sessions.settle(
        [delivered(SESSION), later(SESSION)]
    ),
    "sessions.next_due": lambda storage: storage.sessions.next_due(STREAM, 1),
    "sessions.next_due_of_each": lambda storage: storage.sessions.next_due_of_each([EVENT]),
    "sessions.revive": lambda storage: storage.sessions.revive(None, NOW),
    "sessions.release": lambda storage: storage.sessions.release("ada", "phone"),
    "sessions.forget_user": lambda storage: storage.sessions.forget_user("ada"),
    "sessions.purge": lambda storage: storage.sessions.purge(NOW),
    "streams.write": lambda storage: storage.streams.write(STREAM, lambda _: EVENT),
    "streams.read": lambda storage: storage.streams.read(STREAM),
    "streams.due": lambda storage: storage.streams.due(NOW, 1),
    "streams.first_due": lambda storage: storage.streams.first_due(),
    "streams.take_questions": lambda storage: storage.streams.take_questions(NOW, 1, NOW + 60),
    "streams.begin": lambda storage: storage.streams.begin([EVENT], NOW),
    "streams.adopt": lambda storage: storage.streams.adopt(NOW),
    "sessions.forget_refusals": lambda storage: storage.sessions.forget_refusals([EVENT], NOW),
    "streams.held": lambda storage: storage.streams.held(1),
    "streams.stamp": lambda storage: storage.streams.stamp([EVENT], int(NOW)),
    "streams.rest": lambda storage: storage.streams.rest([(EVENT, NOW)]),
    "streams.recall": lambda storage: storage.streams.recall(NOW),
    "streams.lift": lambda storage: storage.streams.lift(None),
    "streams.purge": lambda storage: storage.streams.purge(NOW),
    "streams.announce": lambda storage: storage.streams.announce(an_announcement(), NOW),
    "streams.wake": lambda storage: storage.streams.wake(STREAM, NOW, NOW),
    "streams.hold": lambda storage: storage.streams.hold(EVENT, "Why", NOW, NOW),
    "streams.reopen": lambda storage: storage.streams.reopen(STREAM, NOW),
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
    parts = {"sessions": Sessions, "streams": Streams}
    methods = {f"{name}.{each}" for name, part in parts.items() for each in _methods(part)}
    assert set(CALLS) == (_methods(Storage) | methods) - {"check", "close", "sessions.repair"}


def _methods(kind: type) -> set[str]:
    return {
        name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))
    }


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("This is no database. " * 200)
    storage = open_storage(f"sqlite:///{file}")
    with pytest.raises(StorageUnavailable, match="not a database"):
        storage.sessions.page()
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
        storage.sessions.register(session, lambda met: resolution)
    assert TOKEN not in said(caught)
    assert other in everything(storage)
    storage.close()
