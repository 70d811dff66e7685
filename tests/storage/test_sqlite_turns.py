"""Writers of one process on a SQLite file: one after the other, without SQLite's waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine

from flask_allmine_liveactivity.storage.sql import SQLStorage
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


def test_a_phone_comes_before_a_fan_out() -> None:
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_waits_for_nobody_who_is_not_there() -> None:
    turns = Turns(60)
    with turns.turn(first=False):
        child = os.fork()
        if not child:
            with turns.turn(first=False):
                os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
