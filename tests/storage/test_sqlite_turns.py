"""Writers of one process on a SQLite file: one after the other, without SQLite's waiting."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql import sqlite as sqlite_module
from flask_allmine_liveactivity.storage.sql import turns as turns_module
from flask_allmine_liveactivity.storage.sql.turns import Turns
from flask_allmine_liveactivity.testing.storage_contract.actors import at_once
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, keep
from storage.opening import open_storage


@pytest.fixture
def impatient(sqlite_uri: str) -> Iterator[SQLStorage]:
    """Who finds the file locked gives up at once: SQLite waits for nobody."""
    engine = create_engine(sqlite_uri, connect_args={"timeout": 0}, pool_size=8)
    storage = SQLStorage(engine, owned=True)
    storage.prepare()
    yield storage
    storage.close()


def test_nobody_finds_the_file_locked(impatient: SQLStorage) -> None:
    def write(number: int) -> None:
        name = f"{number}"
        keep(impatient, session_id=name, token=name, identity=name, activity_lock=name)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(400)))
    assert len(impatient.sessions.page(limit=1000)) == 400


def test_who_waits_too_long_goes_on() -> None:
    """SQLite's own lock has the last word."""
    turns = Turns(0.01)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn(first=False):
            held.set()
            let_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    with turns.turn(first=False):
        pass
    assert not let_go.is_set()
    let_go.set()
    holder.join()
    with turns.turn(first=False):  # and is free again
        pass


def test_a_phone_comes_before_a_fan_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "PATIENCE", 60.0)
    turns = Turns(60)
    order: list[str] = []
    threads = []

    def write(name: str, *, first: bool) -> None:
        with turns.turn(first=first):
            order.append(name)

    with turns.turn(first=False):
        for name, first in (("claim", False), ("settlement", False), ("phone", True)):
            threads.append(threading.Thread(target=write, args=(name,), kwargs={"first": first}))
            threads[-1].start()
            time.sleep(0.1)  # it waits
    for thread in threads:
        thread.join()
    assert order[0] == "phone"
    assert sorted(order) == ["claim", "phone", "settlement"]


def test_phones_that_never_cease_do_not_keep_a_fan_out_away() -> None:
    turns = Turns(600)
    at_work, over = threading.Event(), threading.Event()

    def register() -> None:
        while not over.is_set():
            with turns.turn(first=True):
                at_work.set()
                time.sleep(0.001)

    phones = [threading.Thread(target=register, daemon=True) for _ in range(4)]
    for phone in phones:
        phone.start()
    assert at_work.wait(30)
    claims = threading.Thread(target=lambda: _take(turns, 10), daemon=True)
    claims.start()
    claims.join(60)
    kept_away = claims.is_alive()
    over.set()
    assert not kept_away
    for phone in phones:
        phone.join()


def _take(turns: Turns, count: int, first: bool = False) -> None:
    for _ in range(count):
        with turns.turn(first=first):
            pass


def test_who_gives_up_while_he_waits_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "PATIENCE", 600.0)
    turns = Turns(600)

    def interrupted(_: object, __: object, seconds: float) -> bool:
        if seconds == turns_module.PATIENCE:
            return False  # who is not first has been patient for long enough
        raise KeyboardInterrupt

    for first in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(turns_module, "PATIENCE", 1.0)
            patch.setattr(threading.Condition, "wait_for", interrupted)
            with pytest.raises(KeyboardInterrupt):
                turns.turn(first=first).__enter__()
    for first in (True, False):
        next_one = threading.Thread(target=_take, args=(turns, 1, first), daemon=True)
        next_one.start()
        next_one.join(30)
        assert not next_one.is_alive()


def test_a_full_claim_is_one_transaction(impatient: SQLStorage) -> None:
    for number in range(20):
        name = f"{number}"
        keep(impatient, session_id=name, token=name, identity=name, activity_lock=name)
    updates: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            updates.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        (session, *_) = impatient.sessions.page()
        now = session.due_at + 1
        claimed = impatient.sessions.claim(
            session.stream_id, 1, claim_id="c" * 32, limit=10, now=now, leased_until=now + 60
        )
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(claimed) == 10
    assert len(updates) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_waits_for_nobody_who_is_not_there() -> None:
    turns = Turns(60)
    with turns.turn(first=False):
        child = os.fork()
        if not child:
            with turns.turn(first=False):
                os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("prepared", [True, False])
def test_a_locked_file_keeps_a_crowd_no_longer_than_the_timeout_says(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch, prepared: bool
) -> None:
    monkeypatch.setattr(sqlite_module, "LEAST_WAIT", 0.0)
    open_storage(sqlite_uri).purge(NOW)
    storage = open_storage(sqlite_uri, connect_args={"timeout": 1})
    if prepared:
        storage.prepare()
        storage.purge(NOW)
    other = sqlite3.connect(str(make_url(sqlite_uri).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    waits: list[int] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            driver: Any = connection.connection.driver_connection
            waits.append(driver.execute("PRAGMA busy_timeout").fetchone()[0])

    def write() -> None:
        with pytest.raises(StorageUnavailable, match="write lock for too long"):
            keep(storage)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        at_once([write] * 20)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    other.execute("ROLLBACK")
    other.close()
    keep(storage)
    storage.close()
    # One of them waits for SQLite, and the others for him; in milliseconds.
    assert 1000 <= sum(waits) < 10 * 1000


def test_a_crowd_leaves_the_timeout_as_it_was(sqlite_uri: str) -> None:
    engine = create_engine(sqlite_uri, connect_args={"timeout": 7}, pool_size=8)
    storage = SQLStorage(engine)
    at_once([lambda: storage.purge(NOW)] * 8)
    with ExitStack() as used:
        for _ in range(8):
            connection = used.enter_context(engine.connect())
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 7000
    engine.dispose()
