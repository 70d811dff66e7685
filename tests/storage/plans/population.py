"""One huge stream and many small ones, put into the tables by the database itself.

Every row is a copy of one that the storage has written, but for what tells rows apart: so the rows
are such as the storage writes, whatever columns it has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    String,
    Table,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
)

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, events, sessions
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    an_announcement,
    keep,
)

HUGE = "huge"
UNIQUE_TO_A_ROW = ("session_id", "user_id", "device_id", "activity_id", "identity", "activity_lock")
LATER = NOW + 1000 * HOUR
# A knob for the full size: 1,000,000 sessions of 100,000 streams, nine of ten in one of them.
SESSIONS = int(os.environ.get("TEST_PLAN_SESSIONS", "10000"))


@dataclass(frozen=True)
class Population:
    """How many there are."""

    sessions: int = SESSIONS

    @property
    def huge(self) -> int:
        return self.sessions * 9 // 10

    @property
    def streams(self) -> int:
        return self.sessions // 10


def small(number: int) -> str:
    """The id of a small stream, from 0."""
    return f"small-{number}"


def fill_small(engine: Engine, storage: Storage, population: Population) -> None:
    """Small streams of one session each, most of which rest; a third is held."""
    keep(storage, **dict.fromkeys(("session_id", "stream_id", "token"), "seed"))
    storage.streams.announce(an_announcement(stream_id="seed"), NOW)
    seed = storage.streams.read("seed")
    assert seed is not None
    storage.streams.rest([(seed, LATER)])
    held = storage.streams.announce(an_announcement(stream_id="held"), NOW)
    storage.streams.hold(held, "InvalidProviderToken", NOW, LATER)
    with engine.begin() as connection:
        _copy_sessions(connection, "small", population.sessions - population.huge, population)
        for like, remainder in (("seed", (1, 2)), ("held", (0,))):
            _copy_events(connection, like, remainder, population.streams)
        connection.execute(delete(events).where(events.c.stream_id.in_(("seed", "held"))))


def fill_huge(engine: Engine, population: Population) -> None:
    """One stream of nine tenths of all sessions."""
    with engine.begin() as connection:
        _copy_sessions(connection, HUGE, population.huge, population)
        for table in (sessions, active_sessions):
            connection.execute(delete(table).where(table.c.stream_id == "seed"))


def _copy_sessions(connection: Connection, kind: str, count: int, population: Population) -> None:
    number = column("i", BigInteger)
    # An odd factor: each number once, in an order such as random ids have.
    name = literal(kind[0]) + cast(number * 2654435761 % 4294967296, String(20))
    told_apart: dict[str, ColumnElement[Any]] = dict.fromkeys(UNIQUE_TO_A_ROW, name)
    told_apart["token"] = name + literal("f" * 150)
    told_apart["stream_id"] = (
        literal(HUGE)
        if kind == HUGE
        else literal("small-") + cast(number % population.streams, String(20))
    )
    for table in (sessions, active_sessions):
        _copy(connection, table, table.c.session_id == "seed", told_apart, count)


def _copy_events(
    connection: Connection, like: str, remainders: tuple[int, ...], count: int
) -> None:
    number = column("i", BigInteger)
    told_apart = {"stream_id": literal("small-") + cast(number - 1, String(20))}
    of_these = (number % 3).in_(remainders)
    _copy(connection, events, events.c.stream_id == like, told_apart, count, of_these)


def _copy(
    connection: Connection,
    table: Table,
    like: ColumnElement[bool],
    told_apart: Mapping[str, ColumnElement[Any]],
    count: int,
    *conditions: ColumnElement[bool],
) -> None:
    columns = [told_apart.get(each.key, each) for each in table.c]
    copies = select(*columns).select_from(table.join(_numbers(connection, count), true()))
    connection.execute(
        insert(table).from_select(list(table.c.keys()), copies.where(like, *conditions))
    )


def _numbers(connection: Connection, count: int) -> FromClause:
    """1, 2, 3 ... in a column ``i``."""
    if connection.dialect.name == "postgresql":
        return func.generate_series(1, count).table_valued("i").render_derived()
    if connection.dialect.name == "sqlite":
        first = select(literal(1).label("i")).cte("numbers", recursive=True)
        return first.union_all(select(first.c.i + 1).where(first.c.i < count))
    return text(f"SELECT seq AS i FROM seq_1_to_{count}").columns(i=BigInteger).subquery("numbers")
