"""Writers of one process on a SQLite file: one after the other, without SQLite's waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, event

from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql import turns as turns_module
from flask_allmine_liveactivity.storage.sql.turns import Turns
from flask_allmine_liveactivity.testing.storage_contract.records import keep


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
        keep(impatient, session_id=name, token=name, identity=name, hold=name)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(400)))
    assert len(impatient.sessions(limit=1000)) == 400


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
    over = threading.Event()

    def register() -> None:
        while not over.is_set():
            with turns.turn(first=True):
                time.sleep(0.001)

    phones = [threading.Thread(target=register, daemon=True) for _ in range(4)]
    for phone in phones:
        phone.start()
    time.sleep(0.05)
    claims = threading.Thread(target=lambda: _take(turns, 10), daemon=True)
    claims.start()
    claims.join(60)
    kept_away = claims.is_alive()
    over.set()
    assert not kept_away
    for phone in phones:
        phone.join()


def _take(turns: Turns, count: int) -> None:
    for _ in range(count):
        with turns.turn(first=False):
            pass


def test_who_gives_up_while_he_waits_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(600)

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    for first in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(turns._changed, "wait_for", interrupted)
            with pytest.raises(KeyboardInterrupt):
                turns.turn(first=first).__enter__()
    assert turns._phones == turns._overdue == 0


def test_a_full_claim_is_one_transaction(impatient: SQLStorage) -> None:
    for number in range(20):
        name = f"{number}"
        keep(impatient, session_id=name, token=name, identity=name, hold=name)
    updates: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            updates.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        (session, *_) = impatient.sessions()
        now = session.due_at + 1
        claimed = impatient.claim(
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
