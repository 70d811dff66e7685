"""A process that is killed between any two writes of a registration, a log-out or an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.storage.mongodb import MongoStorage, registering
from flask_allmine_liveactivity.storage.mongodb.room import Room
from flask_allmine_liveactivity.testing.storage_contract.records import (
    everything,
    take,
    the_event,
)
from storage.crash_scenes import (
    ALL,
    LATER,
    NEW,
    OLD,
    REGISTRATIONS,
    WITHDRAWALS,
    WRITES,
    Scene,
    begin,
    deaths,
    nobody_owns_the_token,
    ride,
    sign_up,
)
from storage.mortal import Killed, Mortal


@pytest.fixture
def client(mongodb_uri: str) -> Iterator[MongoClient[Any]]:
    with MongoClient[Any](mongodb_uri) as client:
        yield client


@pytest.fixture
def storage(client: MongoClient[Any]) -> MongoStorage:
    """That of the processes that live."""
    return MongoStorage(client.get_default_database())


@pytest.fixture
def mortal(client: MongoClient[Any]) -> Mortal:
    return Mortal(MongoStorage(client.get_default_database()))


def to_be_told(storage: MongoStorage, now: float) -> set[str]:
    """The activities of which somebody is still to be told."""
    return {
        row.activity_id
        for row in everything(storage, status=SessionStatus.ACTIVE)
        if row.expires_at > now and row.delivered < the_event(storage).revision
    }


def rows(storage: MongoStorage) -> list[Session]:
    """All sessions, but for the ids that each run gives them anew."""
    plain = [
        replace(
            row,
            session_id="",
            identity="its own" if row.identity == row.session_id else row.identity,
            activity_lock="its own" if row.activity_lock == row.session_id else row.activity_lock,
        )
        for row in everything(storage)
    ]
    return sorted(plain, key=repr)


@pytest.mark.parametrize("name", ALL)
def test_whoever_was_to_be_told_can_be_claimed(
    storage: MongoStorage, mortal: Mortal, name: str
) -> None:
    scene = ALL[name]
    begin(storage, scene)
    before = to_be_told(storage, scene.now)
    for writes in deaths(storage, mortal, scene):
        claimed = {row.activity_id for row in take(storage, now=scene.now)}
        assert before <= claimed, f"lost after write {writes}: {before - claimed}"


@pytest.mark.parametrize("name", ALL)
def test_the_same_again_comes_to_the_same(storage: MongoStorage, mortal: Mortal, name: str) -> None:
    scene = ALL[name]
    begin(storage, scene)
    answer = scene.request(storage)
    undisturbed, event = rows(storage), the_event(storage)
    for writes in deaths(storage, mortal, scene):
        again = scene.request(storage)
        assert rows(storage) == undisturbed, f"after write {writes}"
        assert the_event(storage) == event, f"after write {writes}"
        assert again == answer or name in WITHDRAWALS  # those say how many were left to do


@pytest.mark.parametrize("name", ALL)
def test_each_of_its_writes_has_been_the_last(
    storage: MongoStorage, mortal: Mortal, name: str
) -> None:
    assert list(deaths(storage, mortal, ALL[name])) == list(range(1, WRITES[name] + 1))


def test_the_successor_stands_before_its_predecessor_goes(
    storage: MongoStorage, mortal: Mortal
) -> None:
    scene = REGISTRATIONS["of a token that an expired row has"]
    tokens = []
    for _ in deaths(storage, mortal, scene):
        told = take(storage, now=scene.now)
        tokens.append({row.token for row in told if row.user_id == "ada"})
    assert tokens == [{OLD, NEW}, {NEW}, {NEW}, {NEW}]


def test_another_token_after_that_leaves_one_row_more(
    storage: MongoStorage, mortal: Mortal
) -> None:
    """It is told too: nobody can say that it is the same activity's."""
    scene = REGISTRATIONS["of a token that an expired row has"]
    begin(storage, scene)
    with pytest.raises(Killed):
        mortal.does(scene.request, dies_after=1)
    assert sign_up(storage, token="cc" * 32, now=LATER) is Answer.LATE
    assert {row.token for row in take(storage, now=LATER)} == {NEW, "cc" * 32}


# --- room -----------------------------------------------------------------------------------------


def test_one_row_too_many_stays_until_the_next_one_comes(
    storage: MongoStorage, mortal: Mortal
) -> None:
    def two_and_what_is_over(storage: MongoStorage) -> None:
        ride(storage, "first")
        ride(storage, "over", status=SessionStatus.ENDED)

    scene = Scene(lambda storage: sign_up(storage, at_most=2), two_and_what_is_over)
    dies_after = iter(deaths(storage, mortal, scene))

    assert next(dies_after) == 1  # it stands, and nothing has made way
    assert {row.activity_id for row in take(storage)} == {"first", "ride"}
    assert scene.request(storage) is Answer.LATE
    assert {row.activity_id for row in everything(storage)} == {"first", "ride", "over"}
    assert sign_up(storage, activity_id="next", token=NEW, at_most=3) is Answer.LATE
    assert {row.activity_id for row in everything(storage)} == {"first", "ride", "next"}

    for _ in dies_after:
        assert scene.request(storage) is Answer.LATE
        assert {row.activity_id for row in everything(storage)} == {"first", "ride"}


def test_one_that_should_have_been_taken_back_stays_and_is_told(
    storage: MongoStorage, mortal: Mortal
) -> None:
    scene = Scene(
        lambda storage: sign_up(storage, at_most=1), lambda storage: ride(storage, "first")
    )
    dies_after = iter(deaths(storage, mortal, scene))

    assert next(dies_after) == 1
    assert {row.activity_id for row in take(storage)} == {"first", "ride"}
    assert scene.request(storage) is Answer.LATE
    assert sign_up(storage, activity_id="next", token=NEW, at_most=1) is Answer.TOO_MANY
    assert {row.activity_id for row in everything(storage)} == {"first", "ride"}

    for _ in dies_after:
        assert scene.request(storage) is Answer.TOO_MANY
        assert {row.activity_id for row in everything(storage)} == {"first"}


def test_what_is_taken_back_stands_as_it_stood(
    storage: MongoStorage, mortal: Mortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others come between the look for room and the write, each time."""
    monkeypatch.setattr(Room, "can_be_made", lambda *_: True)
    monkeypatch.setattr(registering, "ATTEMPTS", 3)
    sessions, _ = storage.collections

    def before(storage: MongoStorage) -> None:
        nobody_owns_the_token(storage)
        ride(storage, "hers", user_id="grace")
        sessions.update_many({}, {"$set": {"channel": "of a newer version"}})

    scene = Scene(lambda storage: sign_up(storage, user_id="grace", at_most=1), before)
    begin(storage, scene)
    stood = list(sessions.find())
    assert scene.request(storage) is Answer.TOO_MANY
    assert list(sessions.find()) == stood

    for _ in deaths(storage, mortal, scene):
        assert {row.activity_id for row in take(storage)} == {"hers", "ride"}
