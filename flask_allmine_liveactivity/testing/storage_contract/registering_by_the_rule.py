"""The package's own rule of who may hold what, with the storage under it."""

from __future__ import annotations

from typing import Any

import pytest

from flask_allmine_liveactivity.model import DUE_NOW, Session, SessionStatus, newly_due
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, MissingEnd, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    delivered,
    everything,
    gone,
    later,
    take,
    the_event,
)

LIFETIME = 12 * HOUR


def sign_up(storage: Storage, *, now: float = NOW, full_at: int | None = None, **given: str) -> Any:
    """Ada's phone registers her activity."""
    plain = {
        "user_id": "ada",
        "device_id": "phone",
        "activity_id": "ride",
        "stream_id": STREAM,
        "token": "aa" * 32,
    }
    return register(
        storage, Claimant(**{**plain, **given}), now=now, lifetime=LIFETIME, max_per_user=full_at
    )


def the_only(storage: Storage) -> Session:
    (session,) = everything(storage)
    return session


def of_user(storage: Storage, user_id: str) -> Session:
    (session,) = everything(storage, user_id=user_id)
    return session


class RegisteringByTheRule:
    def test_a_first_registration_is_stored(self, storage: Storage) -> None:
        assert sign_up(storage) is Answer.REGISTERED
        assert the_only(storage).token == "aa" * 32

    def test_registering_twice_keeps_one_row(self, storage: Storage) -> None:
        sign_up(storage)
        first = the_only(storage)
        assert sign_up(storage, now=NOW + 5) is Answer.REGISTERED
        again = the_only(storage)
        assert (again.session_id, again.registered_at) == (first.session_id, NOW)
        assert again.token_seen_at == NOW + 5

    def test_a_late_registration_makes_its_streams_event_due(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(event, NOW + HOUR)])
        assert sign_up(storage, now=NOW + 10) is Answer.LATE
        assert the_event(storage).due_at == newly_due(NOW + 10)

    def test_a_phone_that_a_fast_clock_registers_can_be_claimed_by_a_slow_one(
        self, storage: Storage
    ) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage, now=NOW + 60)
        assert take(storage, now=NOW) != []

    def test_a_late_registration_can_be_claimed(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage, now=NOW + 10)
        assert take(storage, now=NOW + 10) != []

    def test_an_event_outlives_the_session_that_came_late(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(expires_at=NOW + HOUR), NOW)
        sign_up(storage, now=NOW + 10)
        assert the_event(storage).expires_at >= NOW + 10 + LIFETIME

    def test_a_stream_that_the_host_knows_to_have_ended_is_announced(
        self, storage: Storage
    ) -> None:
        claimant = Claimant(
            user_id="ada", device_id="d", activity_id="a", stream_id=STREAM, token="t"
        )
        answer = register(
            storage,
            claimant,
            now=NOW,
            lifetime=LIFETIME,
            max_per_user=None,
            missing_end=MissingEnd(an_announcement(), None),
        )
        assert answer is Answer.LATE
        assert the_event(storage).due_at == newly_due(NOW)

    def test_a_rotated_token_takes_the_place_of_the_old(self, storage: Storage) -> None:
        sign_up(storage)
        before = the_only(storage)
        assert sign_up(storage, now=NOW + 5, token="bb" * 32) is Answer.REGISTERED
        after = the_only(storage)
        assert (after.session_id, after.token) == (before.session_id, "bb" * 32)

    def test_a_rotated_token_is_told_at_once_though_the_old_was_claimed(
        self, storage: Storage
    ) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage)
        take(storage)
        sign_up(storage, now=NOW + 5, token="bb" * 32)
        (claimed,) = take(storage, now=NOW + 5)
        assert (claimed.token, claimed.attempts) == ("bb" * 32, 0)

    def test_an_ended_session_that_registers_again_is_told_again(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage)
        storage.sessions.settle([delivered(session) for session in take(storage)])
        assert take(storage, now=NOW + 31) == []
        sign_up(storage, now=NOW + 31)
        assert take(storage, now=NOW + 31) != []

    def test_a_dead_session_that_registers_again_lives(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage)
        storage.sessions.settle([gone(session) for session in take(storage)])
        sign_up(storage, now=NOW + 31)
        assert the_only(storage).status is SessionStatus.ACTIVE

    def test_a_rotated_token_begins_anew(self, storage: Storage) -> None:
        """What the old one was refused says nothing of the new one."""
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage)
        refused = later(take(storage)[0], NOW + 900, attempts=5, rejections=2, reason="TooMany")
        storage.sessions.settle([refused])
        sign_up(storage, now=NOW + 1, token="bb" * 32)
        session = the_only(storage)
        assert (session.attempts, session.rejections, session.reason) == (0, 0, None)
        assert session.due_at == DUE_NOW

    def test_the_same_token_again_leaves_its_refusals(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage)
        refused = later(take(storage)[0], NOW + 900, attempts=5, rejections=2, reason="TooMany")
        storage.sessions.settle([refused])
        sign_up(storage, now=NOW + 1)
        session = the_only(storage)
        assert (session.attempts, session.rejections, session.due_at) == (5, 2, NOW + 900)

    def test_another_users_token_is_a_conflict(self, storage: Storage) -> None:
        sign_up(storage)
        answer = sign_up(storage, user_id="eve", device_id="other", activity_id="other")
        assert answer is Answer.CONFLICT
        assert the_only(storage).user_id == "ada"

    def test_a_token_belongs_to_one_stream(self, storage: Storage) -> None:
        sign_up(storage)
        assert sign_up(storage, stream_id=OTHER_STREAM) is Answer.ELSEWHERE
        assert the_only(storage).stream_id == STREAM

    def test_a_row_of_the_same_stream_under_an_earlier_spelling_moves_to_it(
        self, storage: Storage
    ) -> None:
        sign_up(storage, stream_id=STREAM.upper())
        claimant = Claimant(
            user_id="ada", device_id="phone", activity_id="ride", stream_id=STREAM, token="aa" * 32
        )
        answer = register(
            storage,
            claimant,
            now=NOW + 5,
            lifetime=LIFETIME,
            max_per_user=None,
            earlier_spellings=[STREAM.upper()],
        )
        assert answer is Answer.REGISTERED
        assert the_only(storage).stream_id == STREAM
        storage.streams.announce(an_announcement(), NOW)
        assert [session.token for session in take(storage, now=NOW + 5)] == ["aa" * 32]

    def test_a_token_that_was_kept_in_capitals_is_the_same(self, storage: Storage) -> None:
        """It is kept on as it was asked for, and not told again as a new one would be."""
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage, token="AA" * 32)
        take(storage)
        sign_up(storage, now=NOW + 5)
        assert the_only(storage).token == "aa" * 32
        assert take(storage, now=NOW + 5) == []

    def test_an_activity_that_another_holds_is_a_conflict_but_kept(self, storage: Storage) -> None:
        """The second may be the true owner: he is told the end too."""
        sign_up(storage)
        assert sign_up(storage, user_id="eve", token="ee" * 32) is Answer.CONFLICT
        holder, other = of_user(storage, "ada"), of_user(storage, "eve")
        assert other.activity_lock == other.session_id
        assert holder.activity_lock != holder.session_id

    def test_a_contested_session_is_told_too(self, storage: Storage) -> None:
        sign_up(storage)
        sign_up(storage, user_id="eve", token="ee" * 32)
        storage.streams.announce(an_announcement(), NOW)
        assert {session.user_id for session in take(storage)} == {"ada", "eve"}

    @pytest.mark.parametrize("over", ["released", "ended", "dead", "expired"])
    def test_a_token_that_nobody_holds_any_more_is_taken_over(
        self, storage: Storage, over: str
    ) -> None:
        now = give_up(storage, over)
        answer = sign_up(storage, now=now, user_id="grace", device_id="her phone")
        assert answer in (Answer.REGISTERED, Answer.LATE)
        session = the_only(storage)
        assert (session.user_id, session.status) == ("grace", SessionStatus.ACTIVE)
        assert (session.delivered, session.claim_id, session.due_at) == (0, None, DUE_NOW)

    @pytest.mark.parametrize("over", ["released", "ended", "dead", "expired"])
    def test_an_activity_that_nobody_holds_any_more_is_taken_over(
        self, storage: Storage, over: str
    ) -> None:
        now = give_up(storage, over)
        answer = sign_up(storage, now=now, user_id="grace", token="bb" * 32)
        assert answer in (Answer.REGISTERED, Answer.LATE)
        session = of_user(storage, "grace")
        assert session.activity_lock != session.session_id
        others = [row for row in everything(storage) if row.user_id != "grace"]
        assert all(row.activity_lock == row.session_id for row in others)

    def test_an_activity_that_comes_back_with_anothers_expired_token_is_one_row(
        self, storage: Storage
    ) -> None:
        sign_up(storage, user_id="eve", activity_id="other", token="ee" * 32)
        now = NOW + LIFETIME + 1
        sign_up(storage, now=now)
        assert sign_up(storage, now=now + 1, token="ee" * 32) is Answer.REGISTERED
        assert the_only(storage).user_id == "ada"

    def test_a_user_who_has_too_many_is_refused(self, storage: Storage) -> None:
        sign_up(storage, full_at=1)
        answer = sign_up(storage, full_at=1, activity_id="second", token="bb" * 32)
        assert answer is Answer.TOO_MANY
        assert the_only(storage).activity_id == "ride"

    def test_a_full_user_may_renew_what_he_has(self, storage: Storage) -> None:
        sign_up(storage, full_at=1)
        assert sign_up(storage, full_at=1, token="bb" * 32) is Answer.REGISTERED

    def test_what_is_over_makes_room(self, storage: Storage) -> None:
        now = give_up(storage, "ended")
        answer = sign_up(storage, now=now, full_at=1, activity_id="second", token="bb" * 32)
        assert answer in (Answer.REGISTERED, Answer.LATE)
        assert the_only(storage).activity_id == "second"

    def test_what_is_over_and_registers_again_at_the_bound_is_told_once(
        self, storage: Storage
    ) -> None:
        storage.streams.announce(an_announcement(), NOW)
        sign_up(storage, full_at=1)
        told = 0
        for _ in range(20):
            claimed = take(storage, now=NOW + 5)
            told += len(claimed)
            storage.sessions.settle([delivered(session, due_at=NOW + 30) for session in claimed])
            sign_up(storage, now=NOW + 5, full_at=1)
        assert told == 1

    def test_a_conflict_at_the_bound_costs_nothing_that_is_over(self, storage: Storage) -> None:
        give_up(storage, "ended")
        sign_up(storage, user_id="eve", device_id="hers", activity_id="hers", token="ee" * 32)
        answer = sign_up(storage, now=NOW + 40, full_at=1, activity_id="new", token="ee" * 32)
        assert answer is Answer.CONFLICT
        assert of_user(storage, "ada").activity_id == "ride"


def give_up(storage: Storage, over: str) -> float:
    """Ada has registered, and no longer holds it; returns the time at which that is so."""
    storage.streams.announce(an_announcement(), NOW)
    sign_up(storage)
    if over == "released":
        storage.sessions.release("ada", "phone")
    elif over == "ended":
        storage.sessions.settle([delivered(session) for session in take(storage)])
    elif over == "dead":
        storage.sessions.settle([gone(session) for session in take(storage)])
    else:
        return NOW + LIFETIME
    return NOW + 40
