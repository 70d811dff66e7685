"""Whether there is an index for whatever MongoDB is asked; see ``mongodb.py`` for what this proves.

What is asked is taken from the wire, so that nothing is left out. The server is one in which
audiences are small: how it answers is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import services
from pymongo import MongoClient

from flask_allmine_liveactivity.storage.mongodb import MongoStorage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    an_announcement,
    keep,
)

from .audience import STEPS
from .mongodb import Command, Index, MongoDBMeter, Service, indexes_of, served
from .population import HUGE, small
from .story import Story

PHONES = 600
STREAMS = 60

# What is read and then passed over, and why that is little.
DISMISSED = {
    # An active session has been told less than its stream's event says: what was told has ended.
    # And what workers have in their hands at present is a few batches each.
    "claim": {"delivered", "leased_until"},
    "claim where few are due": {"delivered", "leased_until"},
    "claim where nobody is due": {"delivered", "leased_until"},
    "next due": {"delivered", "leased_until"},
    # By the index of who has been told longest ago MongoDB goes from one `delivered` to the next,
    # and of each begins with who is due first: there are as many as there were updates of late.
    "next due after that": {"delivered", "leased_until", "due_at"},
    # Those of a kind that a newer version tells, while processes are replaced.
    "due events": {"event"},
    # Without an owner, and still to be told: as many as have logged out in half a day.
    "purge": {"status"},
    # One user has at most a hundred.
    "make room": {"$or"},
    "forget a user": {"status"},
    "log out": {"status"},
    "counts of a small stream": {"delivered", "expires_at"},
}
# Of these all that the index finds is wanted, or it is what one user or one stream has.
ALL_IN_RANGE = {
    "a phone registers",
    "a phone registers again",
    "a token rotates",
    "count of a user",
    "make room",
    "log out",
    "forget a user",
    "counts of a small stream",
    "purge",
}
# The leases that end next are those of what is in workers' hands.
SORTED_IN_MEMORY = {"make room", "next due", "next due after that"}


@pytest.fixture(scope="module")
def story() -> Iterator[tuple[Story, dict[str, dict[Index, bool]]]]:
    meter = MongoDBMeter()
    with services.mongodb_in_process() as uri, MongoClient(uri, event_listeners=[meter]) as client:
        storage = MongoStorage(client["plans"])
        for number in range(STREAMS):
            event = storage.streams.announce(an_announcement(stream_id=small(number)), NOW)
            if number % 2:
                storage.streams.hold(event, "InvalidProviderToken", NOW, NOW + 1000 * HOUR)
            else:
                storage.streams.rest([(event, NOW + 1000 * HOUR)])
        for _ in range(PHONES):
            keep(storage, stream_id=HUGE)
        played = Story(storage=storage, others=storage, meter=meter, huge=PHONES, counted=False)
        played.play()
        indexes = {
            name: indexes_of(client["plans"][name])
            for name in ("live_activity_sessions", "live_activity_events")
        }
        yield played, indexes


@pytest.mark.parametrize("step", STEPS)
def test_an_index_answers_whatever_a_step_asks(
    story: tuple[Story, dict[str, dict[Index, bool]]], step: str
) -> None:
    played, indexes = story
    commands = [
        command
        for measured in played.measured
        if measured.step == step
        for command in measured.statements
        if isinstance(command, Command)
    ]
    assert commands
    for command in commands:
        for branch in command.branches():
            service = served(branch, command.sort, indexes[command.collection])
            objection = _objection(step, command, service)
            assert objection is None, f"{objection}: {command.text}\n{service}"


def _objection(step: str, command: Command, service: Service | None) -> str | None:
    if service is None:
        return "no index: the whole collection is read"
    if service.points:
        return None
    if not service.sorted and step not in SORTED_IN_MEMORY:
        return "sorted in memory"
    if not command.limit and step not in ALL_IN_RANGE:
        return "without a limit, and not by a unique value"
    if service.dismissed - DISMISSED.get(step, set()):
        return "what was read is passed over"
    return None


# --- the judge itself ------------------------------------------------------------------------

UNIQUE = {("_id",): True, ("token",): True, ("stream_id", "status", "due_at"): False}


def test_a_filter_without_an_index_is_seen() -> None:
    assert served({"reason": "TooManyRequests"}, (), UNIQUE) is None


def test_an_index_is_entered_by_its_first_field_only() -> None:
    assert served({"status": "active", "due_at": {"$lte": 1}}, (), UNIQUE) is None


def test_a_sort_that_the_index_does_not_give_is_seen() -> None:
    service = served({"stream_id": "s"}, ("due_at",), UNIQUE)
    assert service is not None
    assert not service.sorted


def test_equality_then_the_sort_then_a_range_is_served() -> None:
    wanted = {"stream_id": "s", "status": "active", "due_at": {"$lte": 1}, "delivered": {"$lt": 1}}
    service = served(wanted, ("due_at",), UNIQUE)
    assert service == Service(
        ("stream_id", "status", "due_at"),
        ("stream_id", "status", "due_at"),
        0,
        True,
        frozenset({"delivered"}),
    )


def test_unique_values_are_preferred_to_a_range() -> None:
    service = served({"stream_id": "s", "token": {"$in": ["a", "b"]}}, (), UNIQUE)
    assert service is not None
    assert (service.index, service.points) == (("token",), 2)


def test_several_values_of_an_early_field_lose_the_order() -> None:
    wanted = {"stream_id": "s", "status": {"$in": ["active", "ended"]}, "due_at": {"$lte": 1}}
    service = served(wanted, ("due_at",), UNIQUE)
    assert service is not None
    assert not service.sorted
