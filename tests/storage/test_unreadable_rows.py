"""Rows that this version cannot read: each is held alone, or left to who can, and all others are
told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from delivery.world import OTHER_STREAM, STREAM, World, delivered
from pymongo import MongoClient
from sqlalchemy import create_engine, text

from flask_allmine_liveactivity.model import (
    DUE_NOW,
    NEVER,
    Push,
    PushResult,
    SessionStatus,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.storage.base import Storage
from storage.opening import check_who_waits_at, open_storage

# Writes a column of one stream's event, or of its sessions, as a newer version or a hand would.
Write = Callable[[str, str, Any], None]

DATABASES = ["sqlite", "postgresql", "mariadb", "mongodb"]
OF_EVENTS = [
    ("state", "postponed", "a state that this version does not know"),
    ("state", None, "an end without a state"),
    ("content_state", "{", "content_state is no JSON"),
    ("content_state", "[1]", "content_state is no JSON object"),
    ("content_state", "[" * 20_000, "content_state is no JSON"),
    ("alert", "soon", "alert is no JSON"),
]
OF_DOCUMENTS = [
    ("revision", "one", "revision is no number"),
    ("touch", None, "touch is no number"),
    ("timestamp", "yesterday", "timestamp is no number"),
    ("dismissal_date", "tomorrow", "dismissal_date is no number"),
]


@pytest.fixture(params=DATABASES)
def uri(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_uri")
    return found


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    storage.purge(NEVER)
    yield storage
    storage.purge(NEVER)
    storage.close()


@pytest.fixture
def write(uri: str, storage: Storage) -> Iterator[Write]:
    with contextlib.ExitStack() as closing:
        if uri.startswith("mongodb"):
            database = closing.enter_context(MongoClient(uri)).get_default_database()

            def write(of: str, column: str, value: Any) -> None:
                key = "_id" if of == "events" else "stream_id"
                collection = database[f"live_activity_{of}"]
                collection.update_many({key: STREAM}, {"$set": {column: value}})
        else:
            engine = create_engine(uri)
            closing.callback(engine.dispose)

            def write(of: str, column: str, value: Any) -> None:
                statement = f"UPDATE live_activity_{of} SET {column} = :value WHERE stream_id = :id"
                stream_id: Any = STREAM.encode() if engine.dialect.name == "mysql" else STREAM
                with engine.begin() as connection:
                    connection.execute(text(statement), {"value": value, "id": stream_id})

        yield write


@pytest.fixture
def world(storage: Storage) -> World:
    """Two streams have ended, each with a phone."""
    world = World(storage)
    for stream in (STREAM, OTHER_STREAM):
        world.register(1, stream)
        world.end(stream=stream, content_state={"is": "ready"}, alert={"title": "Ready"})
    return world


def streams_told(world: World) -> set[str]:
    return {push.session.stream_id for push in world.memory.sent}


@pytest.mark.parametrize(("column", "value", "why"), OF_EVENTS, ids=lambda value: str(value)[:20])
def test_an_event_that_cannot_be_read_is_held_alone(
    world: World, write: Write, column: str, value: str, why: str
) -> None:
    write("events", column, value)
    world.run()
    assert streams_told(world) == {OTHER_STREAM}
    (held,) = world.storage.streams.held(10)
    assert held.stream_id == STREAM
    assert held.held_reason is not None
    assert why in held.held_reason
    assert value is None or value not in held.held_reason


def test_it_is_not_looked_at_without_end(world: World, write: Write) -> None:
    write("events", "state", "postponed")
    world.run()
    assert world.event().due_at == world.now() + 60
    assert world.storage.streams.due(world.now(), 10) == []


def test_once_it_is_announced_anew_it_is_told(world: World, write: Write) -> None:
    write("events", "content_state", "{")
    world.run()
    world.end()
    world.run()
    assert streams_told(world) == {STREAM, OTHER_STREAM}


# --- an event of a kind that only a newer version tells -----------------------------------------


def as_it_stands(uri: str) -> dict[str, Any]:
    """The row of ``STREAM`` as it is, column by column."""
    if uri.startswith("mongodb"):
        with MongoClient[dict[str, Any]](uri) as client:
            found = client.get_default_database()["live_activity_events"].find_one({"_id": STREAM})
            assert found is not None
            return found
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM live_activity_events")).mappings()
            named = {row["stream_id"]: dict(row) for row in rows}
            return named.get(STREAM) or named[STREAM.encode()]
    finally:
        engine.dispose()


def test_an_event_of_a_new_kind_is_told_by_nobody_here_and_left_as_it_is(
    world: World, write: Write, uri: str
) -> None:
    write("events", "event", "of-tomorrow")
    before = as_it_stands(uri)
    world.run()
    world.delivery.run(STREAM)
    world.run_later(3600)
    assert streams_told(world) == {OTHER_STREAM}
    assert as_it_stands(uri) == before


def test_it_takes_no_place_among_those_that_are_due(world: World, write: Write) -> None:
    write("events", "event", "of-tomorrow")
    assert [event.stream_id for event in world.storage.streams.due(world.now(), 1)] == [
        OTHER_STREAM
    ]
    world.run()
    assert world.storage.streams.due(world.now(), 10) == []
    assert world.run().next_due > world.now()


def test_one_that_becomes_so_while_it_is_told_is_left_too(
    world: World, write: Write, uri: str
) -> None:
    world.register_many(150, OTHER_STREAM)
    world.end(state=StreamState.CANCELLED, stream=OTHER_STREAM)

    def announce_something_new(push: Push) -> PushResult:
        if push.session.stream_id == STREAM and not written:
            write("events", "event", "of-tomorrow")
            write("events", "revision", 7)
            written.append(as_it_stands(uri))
        return delivered(push)

    written: list[dict[str, Any]] = []
    world.register_many(150)
    world.answer = announce_something_new
    world.run()
    world.run_later(3600)
    assert [as_it_stands(uri)] == written
    assert {row.delivered for row in world.sessions() if row.stream_id == STREAM} <= {0, 1}


def test_a_phone_that_comes_late_to_it_is_told_by_the_newer_version(
    world: World, write: Write, uri: str
) -> None:
    write("events", "event", "of-tomorrow")
    write("events", "touch", 2)  # the newer version has put it to rest
    write("events", "due_at", world.now() + 3600)
    before = as_it_stands(uri)
    assert world.answer_of(2) is Answer.REGISTERED
    after = as_it_stands(uri)
    assert after["touch"] == 3
    assert after["due_at"] <= DUE_NOW
    assert after["event"] == before["event"]


def test_an_end_replaces_it_and_is_told(world: World, write: Write) -> None:
    write("events", "event", "of-tomorrow")
    world.end()
    world.run()
    assert streams_told(world) == {STREAM, OTHER_STREAM}
    assert world.event().revision == 2


# --- sessions -------------------------------------------------------------------------------------


def test_a_session_of_a_status_that_is_new_is_left_alone(world: World, write: Write) -> None:
    write("sessions", "status", "paused")
    world.run()
    assert streams_told(world) == {OTHER_STREAM}
    statuses = {row.stream_id: row.status for row in world.sessions()}
    assert statuses == {STREAM: SessionStatus.UNKNOWN, OTHER_STREAM: SessionStatus.ENDED}
    assert world.storage.counts(world.now()).unknown == 1


def test_a_phone_with_such_a_session_registers_all_the_same(world: World, write: Write) -> None:
    write("sessions", "status", "paused")
    world.register(1)
    world.run_later(60)
    assert streams_told(world) == {STREAM, OTHER_STREAM}


# --- documents have the fields that somebody gave them -------------------------------------------


@pytest.mark.parametrize("uri", ["mongodb"], indirect=True)
@pytest.mark.parametrize(("field", "value", "why"), OF_DOCUMENTS)
def test_a_document_with_a_field_of_another_type_is_held_alone(
    world: World, write: Write, field: str, value: Any, why: str
) -> None:
    write("events", field, value)
    world.run()
    assert streams_told(world) == {OTHER_STREAM}
    assert why in (world.event().held_reason or "")


@pytest.mark.parametrize("uri", ["mongodb"], indirect=True)
@pytest.mark.parametrize("of", ["events", "sessions"])
def test_a_field_that_is_new_is_passed_over(world: World, write: Write, of: str) -> None:
    write(of, "channel", {"id": "new in the next version"})
    world.run()
    assert streams_told(world) == {STREAM, OTHER_STREAM}


# Fields that have a default, as those have that come with a newer version.
LATER_FIELDS = [
    ("sessions", "attempts"),
    ("sessions", "rejections"),
    ("sessions", "reason"),
    ("sessions", "claim_id"),
    ("events", "held_reason"),
    ("events", "held_since"),
    ("events", "announced_at"),
]


@pytest.mark.parametrize("uri", ["mongodb"], indirect=True)
@pytest.mark.parametrize(("of", "field"), LATER_FIELDS)
def test_a_field_that_an_older_document_lacks_has_its_default(
    world: World, uri: str, of: str, field: str
) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        collection = client.get_default_database()[f"live_activity_{of}"]
        collection.update_many({}, {"$unset": {field: ""}})
    world.refuse(Verdict.RETRY, "InternalServerError")
    world.run()
    assert world.storage.counts(world.now()).pending == 2
    world.answer = delivered
    world.run_later(3600)
    assert streams_told(world) == {STREAM, OTHER_STREAM}
    assert {row.attempts for row in world.sessions()} == {1}


@pytest.mark.parametrize("uri", ["mongodb"], indirect=True)
def test_a_session_without_a_token_is_left_alone(world: World, write: Write) -> None:
    write("sessions", "token", None)
    world.run()
    assert streams_told(world) == {OTHER_STREAM}


# --- who is missing among those who wait ----------------------------------------------------------


@pytest.mark.parametrize("uri", DATABASES[:3], indirect=True)
def test_who_is_missing_among_those_who_wait_is_found_and_told(
    world: World, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM live_activity_waiting"))
    engine.dispose()
    world.run()
    assert world.told == []
    world.delivery.look_after_the_storage()
    world.run()
    assert streams_told(world) == {STREAM, OTHER_STREAM}
    assert "2 sessions were missing" in caplog.text
    check_who_waits_at(uri)


@pytest.mark.parametrize("uri", DATABASES[:3], indirect=True)
def test_who_waits_for_nothing_is_let_go(world: World, uri: str) -> None:
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM live_activity_sessions"))
    engine.dispose()
    assert world.storage.sessions.repair() == 2
    check_who_waits_at(uri)


def test_where_all_is_well_nothing_is_repaired(world: World) -> None:
    assert world.storage.sessions.repair() == 0
    world.run()
    assert world.storage.sessions.repair() == 0
