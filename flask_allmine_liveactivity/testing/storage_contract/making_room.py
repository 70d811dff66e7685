"""Storage.register, with a bound: how many rows a user has, and which of them make way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.actors import at_once
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    a_session,
    everything,
    found,
    ids,
    keep,
)

OVER: list[dict[str, object]] = [
    {"status": SessionStatus.ENDED},
    {"status": SessionStatus.DEAD},
    {"expires_at": NOW},
]


def add(storage: Storage, at_most: int, **given: object) -> Outcome:
    """Ada registers one more."""
    new = a_session(**{"user_id": "ada", **given})
    return storage.sessions.register(new, lambda met: stored(new), at_most=at_most).outcome


def stored(session: Session, **given: Any) -> Resolution:
    return Resolution(outcome=Outcome.STORED, write=session, **given)


class MakingRoom:
    @pytest.mark.parametrize("at_most", [1, 3, 100])
    def test_so_many_are_stored_and_no_more(self, storage: Storage, at_most: int) -> None:
        outcomes = [add(storage, at_most) for _ in range(at_most + 1)]
        assert outcomes == [Outcome.STORED] * at_most + [Outcome.FULL]
        assert storage.sessions.count_of_user("ada") == at_most

    def test_another_users_rows_take_no_room(self, storage: Storage) -> None:
        keep(storage, user_id="grace")
        keep(storage, user_id=None)
        assert add(storage, 1) is Outcome.STORED

    def test_the_oldest_of_those_that_are_over_makes_way(self, storage: Storage) -> None:
        rows = [
            keep(storage, user_id="ada", status=SessionStatus.ENDED, registered_at=NOW - age)
            for age in (10, 30, 20)
        ]
        assert add(storage, 3) is Outcome.STORED
        assert rows[1].session_id not in ids(everything(storage))
        assert storage.sessions.count_of_user("ada") == 3

    @pytest.mark.parametrize("over", OVER, ids=["ended", "dead", "expired"])
    def test_what_is_over_makes_way(self, storage: Storage, over: dict[str, object]) -> None:
        keep(storage, user_id="ada", **over)
        assert add(storage, 1) is Outcome.STORED
        assert storage.sessions.count_of_user("ada") == 1

    def test_no_more_makes_way_than_must(self, storage: Storage) -> None:
        for _ in range(3):
            keep(storage, user_id="ada", status=SessionStatus.ENDED)
        assert add(storage, 4) is Outcome.STORED
        assert storage.sessions.count_of_user("ada") == 4

    def test_as_many_make_way_as_must_where_the_bound_was_lowered(self, storage: Storage) -> None:
        for _ in range(5):
            keep(storage, user_id="ada", status=SessionStatus.ENDED)
        assert add(storage, 2) is Outcome.STORED
        assert storage.sessions.count_of_user("ada") == 2

    def test_a_running_session_never_makes_way(self, storage: Storage) -> None:
        running = keep(storage, user_id="ada", expires_at=NOW + 1)
        assert add(storage, 1) is Outcome.FULL
        assert everything(storage) == [running]

    def test_who_is_refused_keeps_what_is_over(self, storage: Storage) -> None:
        running = keep(storage, user_id="ada")
        over = keep(storage, user_id="ada", status=SessionStatus.ENDED)
        assert add(storage, 1) is Outcome.FULL
        assert ids(everything(storage)) == ids([running, over])

    @pytest.mark.parametrize("outcome", [Outcome.CONFLICT, Outcome.ELSEWHERE])
    def test_a_conflict_deletes_nothing(self, storage: Storage, outcome: Outcome) -> None:
        over = keep(storage, user_id="ada", status=SessionStatus.ENDED)
        others = keep(storage, user_id="grace")
        session = a_session(user_id="ada", token=others.token)
        refused = Resolution(outcome=outcome)
        assert storage.sessions.register(session, lambda met: refused, at_most=1) == refused
        assert ids(everything(storage)) == ids([over, others])

    @pytest.mark.parametrize("status", list(SessionStatus))
    def test_what_is_registered_again_needs_no_room(
        self, storage: Storage, status: SessionStatus
    ) -> None:
        """And is not what makes way: it would be told as a new one."""
        first = keep(storage, user_id="ada", status=status, registered_at=NOW - 99)
        second = keep(storage, user_id="ada", status=SessionStatus.ENDED)
        again = replace(first, token_seen_at=NOW + 1)
        storage.sessions.register(again, lambda met: stored(again), at_most=2)
        assert found(storage, first) == again
        assert ids(everything(storage)) == ids([first, second])

    def test_what_takes_the_place_of_another_needs_no_room(self, storage: Storage) -> None:
        old = keep(storage, user_id="ada")
        new = a_session(user_id="ada", identity=old.identity)
        storage.sessions.register(
            new, lambda met: stored(new, delete=tuple(row.session_id for row in met)), at_most=1
        )
        assert everything(storage) == [new]

    def test_what_changes_hands_needs_room(self, storage: Storage) -> None:
        others = keep(storage, user_id=None)
        running = keep(storage, user_id="ada")
        new = a_session(user_id="ada", session_id=others.session_id, token=others.token)
        refused = storage.sessions.register(new, lambda met: stored(new), at_most=1)
        assert refused.outcome is Outcome.FULL
        assert ids(everything(storage)) == ids([others, running])
        assert found(storage, others) == others

    def test_without_an_owner_there_is_no_bound(self, storage: Storage) -> None:
        assert [add(storage, 1, user_id=None) for _ in range(3)] == [Outcome.STORED] * 3

    def test_what_has_made_way_leaves_its_unique_values_free(self, storage: Storage) -> None:
        over = keep(storage, user_id="ada", status=SessionStatus.ENDED)
        add(storage, 1)
        assert keep(
            storage, token=over.token, identity=over.identity, activity_lock=over.activity_lock
        )
        assert storage.sessions.count_of_user("ada") == 1


class MakingRoomAtOnce:
    @pytest.mark.parametrize("before", [0, 3, 5])
    def test_of_twelve_at_once_no_more_than_five_are_stored(
        self, storage: Storage, before: int
    ) -> None:
        for _ in range(before):
            keep(storage, user_id="ada")
        outcomes = Counter(at_once([partial(add, storage, 5)] * 12))
        assert set(outcomes) <= {Outcome.STORED, Outcome.FULL}
        assert storage.sessions.count_of_user("ada") == before + outcomes[Outcome.STORED] <= 5

    def test_of_many_at_once_no_more_than_a_hundred_are_stored(self, storage: Storage) -> None:
        """Also of those that have waited while others came up to the bound."""
        outcomes = at_once([partial(_add_some, storage, 3)] * 64)
        stored = Counter(outcome for of_one in outcomes for outcome in of_one)[Outcome.STORED]
        assert 80 < stored <= 100
        assert storage.sessions.count_of_user("ada") == stored

    def test_each_row_that_is_over_makes_way_for_no_more_than_one(self, storage: Storage) -> None:
        for number in range(5):
            status = SessionStatus.ENDED if number < 2 else SessionStatus.ACTIVE
            keep(storage, user_id="ada", status=status)
        outcomes = Counter(at_once([partial(add, storage, 5)] * 8))
        assert outcomes[Outcome.STORED] <= 2
        assert storage.sessions.count_of_user("ada") <= 5
        assert len(_running(storage)) == 3 + outcomes[Outcome.STORED]

    def test_what_is_registered_again_by_many_at_once_stays_one_row(self, storage: Storage) -> None:
        row = keep(storage, user_id="ada")
        keep(storage, user_id="ada")
        again = replace(row, token_seen_at=NOW + 1)
        at_once(
            [lambda: storage.sessions.register(again, lambda met: stored(again), at_most=2)] * 8
        )
        assert storage.sessions.count_of_user("ada") == 2
        assert found(storage, row) == again


def _add_some(storage: Storage, rows: int) -> list[Outcome]:
    return [add(storage, 100) for _ in range(rows)]


def _running(storage: Storage) -> list[Session]:
    return everything(storage, user_id="ada", status=SessionStatus.ACTIVE)
