"""What a crash of the machine may undo, and what it may not: looked at in each commit itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql.sqlite import open_durably
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
    delivered,
    found,
    keep,
    take,
)
from flask_allmine_liveactivity.testing.storage_contract.registering_by_the_rule import sign_up

# What somebody was told has happened.
PROMISED: dict[str, Callable[[Storage], object]] = {
    "a registration": sign_up,
    "a second registration": lambda storage: (sign_up(storage), sign_up(storage, now=NOW + 1)),
    "a rotated token": lambda storage: (sign_up(storage), sign_up(storage, token="bb" * 32)),
    "an announcement": lambda storage: storage.streams.announce(an_announcement(), NOW),
    "a second announcement": lambda storage: [
        storage.streams.announce(an_announcement(said=said), NOW) for said in ("one", "two")
    ],
    "a late registration": lambda storage: (
        storage.streams.announce(an_announcement(), NOW),
        storage.streams.wake(STREAM, NOW, NOW),
    ),
    "a reopen": lambda storage: storage.streams.reopen(STREAM, NOW),
    "a log-out": lambda storage: (sign_up(storage), storage.sessions.release("ada", "phone")),
    "an erasure": lambda storage: (sign_up(storage), storage.forget_user("ada")),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = create_engine(request.getfixturevalue(f"{request.param}_uri"))
    if request.param == "sqlite":
        event.listen(engine, "connect", open_durably)
    yield engine
    engine.dispose()


@pytest.fixture
def storage(engine: Engine) -> Iterator[Storage]:
    storage = SQLStorage(engine)
    storage.prepare()
    storage.purge(NEVER)
    yield storage
    storage.purge(NEVER)


@pytest.fixture
def commits(engine: Engine, storage: Storage) -> list[str]:
    """How each write that comes from now on reaches the disk."""
    seen: list[str] = []

    def look(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        driver = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            if statement.startswith("COMMIT"):
                seen.append(str(driver.execute("PRAGMA synchronous").fetchone()[0]))
        elif statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE", "WITH")):
            seen.append(driver.execute("SHOW synchronous_commit").fetchone()[0])

    moment = "before_cursor_execute" if engine.dialect.name == "sqlite" else "after_cursor_execute"
    event.listen(engine, moment, look)
    return seen


@pytest.mark.parametrize("act", PROMISED.values(), ids=PROMISED)
def test_what_was_promised_has_reached_the_disk(
    storage: Storage, commits: list[str], act: Callable[[Storage], object]
) -> None:
    act(storage)
    assert commits, "nothing was written"
    assert set(commits) <= {"2", "on"}  # SQLite's FULL


def test_what_a_push_that_is_sent_twice_makes_good_need_not(
    storage: Storage, commits: list[str]
) -> None:
    session = keep(storage)
    announced = storage.streams.announce(an_announcement(), NOW)
    commits.clear()
    (claimed,) = take(storage)
    storage.sessions.settle([delivered(claimed)])
    storage.streams.stamp([announced], int(NOW) + 1)
    storage.streams.rest([(announced, NOW + 60)])
    assert set(commits) <= {"1", "off"}  # SQLite's NORMAL
    assert found(storage, session).delivered == 1
