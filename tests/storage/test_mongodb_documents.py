"""What a stream's write does to its document: nothing but what was decided, and on nothing but what
was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from flask_allmine_liveactivity.model import NEVER, StreamEvent
from flask_allmine_liveactivity.storage.mongodb import MongoStorage, sessions
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    STREAM,
    an_announcement,
    everything,
    keep,
    keep_many,
    take,
    the_event,
)

Change = Callable[[MongoStorage, StreamEvent], object]


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Any]:
    with MongoClient[Any](mongodb_uri) as client:
        yield client.get_default_database()


@pytest.fixture
def storage(database: Any) -> MongoStorage:
    return MongoStorage(database)


CHANGES: dict[str, Change] = {
    "announced": lambda storage, event: storage.streams.announce(
        an_announcement(said="else"), NOW + 1
    ),
    "announced again": lambda storage, event: storage.streams.announce(an_announcement(), NOW + 1),
    "stamped": lambda storage, event: storage.streams.stamp([event], int(NOW) + 9),
    "rested": lambda storage, event: storage.streams.rest([(event, NOW + HOUR)]),
    "held": lambda storage, event: storage.streams.hold(event, "why", NOW, NOW + HOUR),
    "woken": lambda storage, event: storage.streams.wake(STREAM, NOW + 99 * HOUR, NOW),
    "reopened": lambda storage, event: storage.streams.reopen(STREAM, NOW + 1),
    "purged": lambda storage, event: storage.purge(NOW + 999 * HOUR),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_comes_in_between_is_decided_upon_anew(storage: MongoStorage, change: str) -> None:
    event = storage.streams.announce(an_announcement(), NOW)
    seen: list[StreamEvent | None] = []

    def decide(current: StreamEvent | None) -> StreamEvent | None:
        if not seen:
            CHANGES[change](storage, event)
        seen.append(current)
        return None if current is None else replace(current, said=f"{current.said}, decided")

    after = storage.streams.write(STREAM, decide)
    assert len(seen) == 2
    assert seen[0] == event
    assert after == storage.streams.read(STREAM)
    assert after == (None if seen[1] is None else replace(seen[1], said=f"{seen[1].said}, decided"))


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in ("purged", "stamped")])
def test_a_field_of_a_newer_version_stays(
    storage: MongoStorage, database: Any, change: str
) -> None:
    storage.streams.announce(an_announcement(content_state={"a": 1}), NOW)
    events = database["live_activity_events"]
    events.update_one({"_id": STREAM}, {"$set": {"channel": {"id": "new"}}})
    CHANGES[change](storage, the_event(storage))
    assert events.find_one({"_id": STREAM})["channel"] == {"id": "new"}


def test_what_python_takes_for_the_same_is_written_where_the_app_tells_it_apart(
    storage: MongoStorage,
) -> None:
    storage.streams.announce(an_announcement(content_state={"boarding": 1}, said="1"), NOW)
    storage.streams.announce(an_announcement(content_state={"boarding": True}, said="true"), NOW)
    content_state = the_event(storage).content_state
    assert content_state is not None
    assert content_state["boarding"] is True


def test_an_activity_is_locked_in_the_field_of_earlier_versions(
    storage: MongoStorage, database: Any
) -> None:
    session = keep(storage)
    document = database["live_activity_sessions"].find_one({"_id": session.session_id})
    assert document["hold"] == session.activity_lock
    assert "activity_lock" not in document
    storage.sessions.release(str(session.user_id), session.device_id)
    document = database["live_activity_sessions"].find_one({"_id": session.session_id})
    assert document["hold"] == session.session_id
    assert "activity_lock" not in document


def test_a_touch_that_is_no_number_keeps_nobody_from_being_recalled(
    storage: MongoStorage, database: Any
) -> None:
    events = database["live_activity_events"]
    for stream_id in ("odd", "no number"):
        storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
    events.update_many({}, {"$set": {"due_at": NOW + HOUR}})
    events.update_one({"_id": "no number"}, {"$set": {"touch": "x"}})
    assert storage.streams.recall(NOW) == 1
    assert [event.stream_id for event in storage.streams.due(NOW, 10)] == ["odd"]


@pytest.mark.parametrize("few", [3, 4, 5])
def test_where_many_of_a_page_are_pending_each_stream_is_asked_about(
    storage: MongoStorage, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(sessions, "FEW", few)
    names = [f"stream-{number}" for number in range(3)]
    events = [
        storage.streams.announce(an_announcement(stream_id=name), NOW) for name in (*names, STREAM)
    ]
    for number, name in enumerate(names):
        keep(storage, stream_id=name, due_at=NOW + number)
    keep(storage, stream_id=names[0], due_at=NOW + HOUR)
    keep_many(storage, 3, delivered=1)
    take(storage, stream_id=names[1], now=NOW + 1, lease=99.0)
    dues = storage.sessions.next_due_of_each(events)
    assert dues == {names[0]: NOW, names[1]: NOW + 100, names[2]: NOW + 2}


def test_a_session_that_becomes_readable_is_written_whole(
    storage: MongoStorage, database: Any
) -> None:
    """What stands in its document is not what was read of it."""
    session = keep(storage)
    never_due = replace(session, due_at=NEVER)  # as what cannot be read is read, too
    documents = database["live_activity_sessions"]
    documents.update_one({"_id": session.session_id}, {"$set": {"due_at": "soon"}})
    storage.sessions.register(
        session, lambda met: Resolution(outcome=Outcome.STORED, write=never_due)
    )
    assert everything(storage) == [never_due]
