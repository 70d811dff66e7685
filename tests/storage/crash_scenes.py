"""What takes several writes on MongoDB, and what stands before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flask_allmine_liveactivity.model import NEVER, SessionStatus
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.storage.mongodb import MongoStorage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    STREAM,
    an_announcement,
    delivered,
    gone,
    keep,
    take,
    the_event,
)
from storage.mortal import Killed, Mortal

LIFETIME = 12 * HOUR
# Long enough for what was registered at ``NOW`` to have expired.
LATER = NOW + LIFETIME + 1
OLD, NEW, OTHERS = "aa" * 32, "bb" * 32, "ee" * 32


def sign_up(
    storage: MongoStorage, *, now: float = NOW, at_most: int | None = None, **given: str
) -> Answer:
    """Ada's phone registers her ride."""
    plain = {"user_id": "ada", "device_id": "phone", "activity_id": "ride", "stream_id": STREAM}
    claimant = Claimant(**{**plain, "token": OLD, **given})
    return register(storage, claimant, now=now, lifetime=LIFETIME, max_per_user=at_most)


@dataclass(frozen=True)
class Scene:
    """Something that takes several writes."""

    request: Callable[[MongoStorage], Any]
    before: Callable[[MongoStorage], Any] = lambda storage: None
    now: float = NOW


def an_expired_row_has_the_new_token(storage: MongoStorage) -> None:
    sign_up(storage, user_id="eve", activity_id="hers", token=NEW)
    sign_up(storage, now=LATER)


def and_another_who_is_dead_the_activity(storage: MongoStorage) -> None:
    sign_up(storage, user_id="eve", activity_id="hers", token=NEW)
    sign_up(storage, user_id="grace", token=OTHERS, now=LATER)
    sign_up(storage, now=LATER)
    storage.sessions.settle([gone(row) for row in take(storage) if row.user_id == "grace"])


def another_has_ended_the_activity(storage: MongoStorage) -> None:
    sign_up(storage, user_id="grace", token=OTHERS)
    storage.sessions.settle([delivered(row) for row in take(storage)])


def nobody_owns_the_token(storage: MongoStorage) -> None:
    sign_up(storage)
    storage.sessions.release("ada", "phone")


def ride(storage: MongoStorage, name: str, **given: Any) -> None:
    keep(
        storage,
        **{
            "user_id": "ada",
            "device_id": "phone",
            "activity_id": name,
            "token": name,
            "identity": name,
            "activity_lock": name,
            **given,
        },
    )


def ada_rides_much(storage: MongoStorage) -> None:
    for name in ("one", "two", "three"):
        ride(storage, name)
    ride(storage, "another", device_id="tablet")
    for name in ("over", "over too"):
        ride(storage, name, status=SessionStatus.ENDED)
    ride(storage, "hers", user_id="grace")


REGISTRATIONS = {
    "that meets nobody": Scene(sign_up),
    "that is repeated": Scene(lambda storage: sign_up(storage, now=NOW + 5), sign_up, NOW + 5),
    "of a new token": Scene(lambda storage: sign_up(storage, token=NEW), sign_up),
    "of a token that an expired row has": Scene(
        lambda storage: sign_up(storage, token=NEW, now=LATER),
        an_expired_row_has_the_new_token,
        LATER,
    ),
    "that has three rows in its way": Scene(
        lambda storage: sign_up(storage, token=NEW, now=LATER),
        and_another_who_is_dead_the_activity,
        LATER,
    ),
    "of an activity that has ended for another": Scene(sign_up, another_has_ended_the_activity),
    "of a token that nobody owns": Scene(
        lambda storage: sign_up(storage, user_id="grace"), nobody_owns_the_token
    ),
}
WITHDRAWALS = {
    "log-out": Scene(lambda storage: storage.sessions.release("ada", "phone"), ada_rides_much),
    "erasure": Scene(lambda storage: storage.forget_user("ada"), ada_rides_much),
}
ALL = {**REGISTRATIONS, **WITHDRAWALS}
# How many writes each takes; a registration wakes its stream with the last.
WRITES = {
    "that meets nobody": 2,
    "that is repeated": 2,
    "of a new token": 2,
    "of a token that an expired row has": 4,
    "that has three rows in its way": 5,
    "of an activity that has ended for another": 4,
    "of a token that nobody owns": 2,
    "log-out": 3,
    "erasure": 6,
}


def begin(storage: MongoStorage, scene: Scene) -> None:
    """All is as before the request: the stream has ended, and all who have been told rest."""
    storage.purge(NEVER)
    storage.streams.announce(an_announcement(), NOW)
    scene.before(storage)
    storage.streams.rest([(the_event(storage), NOW + 99 * HOUR)])


def deaths(storage: MongoStorage, mortal: Mortal, scene: Scene) -> Iterator[int]:
    """Let the process die after each of its writes in turn; gives how many there were."""
    begin(storage, scene)
    mortal.does(scene.request)
    for writes in range(1, mortal.writes + 1):
        begin(storage, scene)
        with pytest.raises(Killed):
            mortal.does(scene.request, dies_after=writes)
        yield writes
