"""Storage.register: one decision, written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    OTHER_STREAM,
    a_session,
    everything,
    found,
    ids,
    keep,
    stored,
)


def writing(session: Session, **given: object) -> Resolution:
    return Resolution(outcome=Outcome.STORED, write=session, **given)  # type: ignore[arg-type]


def met_by(storage: Storage, session: Session) -> set[str]:
    """The rows that the last call of ``resolve`` was handed."""
    met: list[Session] = []

    def look(rows: Sequence[Session]) -> Resolution:
        met[:] = rows
        return Resolution(outcome=Outcome.CONFLICT)

    storage.sessions.register(session, look)
    return ids(met)


class Registering:
    def test_a_session_comes_back_as_it_was_registered(self, storage: Storage) -> None:
        session = keep(
            storage,
            registered_at=NOW + 0.123456,
            token_seen_at=NOW + 0.25,
            status=SessionStatus.DEAD,
            delivered=2**40,
            attempts=7,
            rejections=2,
            due_at=NOW + 1.5,
            reason="Unregistered",
        )
        assert everything(storage) == [session]

    def test_a_claimed_session_comes_back_with_its_claim(self, storage: Storage) -> None:
        session = keep(storage, claim_id="f" * 32, leased_until=NOW + 60.5, reason="Shutdown")
        assert everything(storage) == [session]

    def test_a_session_without_an_owner_comes_back_without_one(self, storage: Storage) -> None:
        session = keep(storage, user_id=None)
        assert found(storage, session).user_id is None

    def test_the_longest_values_that_the_endpoint_lets_in_are_kept(self, storage: Storage) -> None:
        session = keep(
            storage,
            user_id="ü" * 255,
            device_id="🚲" * 255,
            activity_id="a" * 255,
            stream_id="s" * 255,
            token="f" * 1024,
            identity="i" * 64,
            activity_lock="h" * 64,
            reason="r" * 255,
        )
        assert everything(storage) == [session]

    def test_the_resolution_is_returned(self, storage: Storage) -> None:
        session = a_session()
        resolution = writing(session)
        assert storage.sessions.register(session, lambda met: resolution) == resolution

    def test_nobody_is_met_where_nothing_is_shared(self, storage: Storage) -> None:
        keep(storage)
        assert met_by(storage, a_session()) == set()

    @pytest.mark.parametrize("shared", ["token", "identity", "activity_lock"])
    def test_rows_that_share_something_unique_are_met(self, storage: Storage, shared: str) -> None:
        other = keep(storage)
        keep(storage)
        session = replace(a_session(), **{shared: getattr(other, shared)})
        assert met_by(storage, session) == {other.session_id}

    def test_three_rows_can_be_met_at_once(self, storage: Storage) -> None:
        one, two, three = keep(storage), keep(storage), keep(storage)
        session = a_session(
            token=one.token, identity=two.identity, activity_lock=three.activity_lock
        )
        assert met_by(storage, session) == ids([one, two, three])

    def test_a_row_that_shares_all_three_is_met_once(self, storage: Storage) -> None:
        other = keep(storage)
        met: list[Session] = []

        def look(rows: Sequence[Session]) -> Resolution:
            met[:] = rows
            return Resolution(outcome=Outcome.CONFLICT)

        storage.sessions.register(replace(other, session_id="0" * 32), look)
        assert met == [other]

    def test_a_met_row_of_that_id_is_changed(self, storage: Storage) -> None:
        before = keep(storage)
        after = replace(before, token="c" * 64, token_seen_at=NOW + 9, claim_id=None)
        storage.sessions.register(after, lambda met: writing(after))
        assert everything(storage) == [after]

    def test_a_row_can_change_hands_and_stream(self, storage: Storage) -> None:
        before = keep(storage, status=SessionStatus.ENDED, delivered=1)
        after = a_session(
            session_id=before.session_id, token=before.token, stream_id=OTHER_STREAM, due_at=NOW + 5
        )
        storage.sessions.register(after, lambda met: writing(after))
        assert everything(storage) == [after]
        assert storage.sessions.claim(
            OTHER_STREAM, 1, claim_id="c" * 32, limit=9, now=NOW + 5, leased_until=NOW + 9
        )

    def test_writing_the_same_row_again_changes_nothing(self, storage: Storage) -> None:
        session = keep(storage)
        storage.sessions.register(session, lambda met: writing(session))
        assert everything(storage) == [session]

    def test_a_renewal_keeps_the_claim_that_it_says_nothing_of(self, storage: Storage) -> None:
        """Only what differs is written: a worker that holds the session goes on holding it."""
        session = keep(storage)

        def renew(met: Sequence[Session]) -> Resolution:
            return writing(replace(met[0], token_seen_at=NOW + 3) if met else session)

        storage.sessions.claim(
            session.stream_id, 1, claim_id="c" * 32, limit=1, now=NOW, leased_until=NOW + 60
        )
        storage.sessions.register(session, renew)
        after = found(storage, session)
        assert (after.claim_id, after.leased_until) == ("c" * 32, NOW + 60)
        assert after.token_seen_at == NOW + 3

    @pytest.mark.parametrize("outcome", [Outcome.CONFLICT, Outcome.ELSEWHERE, Outcome.FULL])
    def test_a_refusal_writes_nothing(self, storage: Storage, outcome: Outcome) -> None:
        other = keep(storage)
        session = a_session(token=other.token)
        refused = Resolution(outcome=outcome)
        assert storage.sessions.register(session, lambda met: refused) == refused
        assert everything(storage) == [other]

    def test_a_refusal_that_meets_nobody_writes_nothing(self, storage: Storage) -> None:
        storage.sessions.register(a_session(), lambda met: Resolution(outcome=Outcome.FULL))
        assert everything(storage) == []

    def test_superseded_rows_are_deleted(self, storage: Storage) -> None:
        old, bystander = keep(storage), keep(storage)
        new = a_session(identity=old.identity)
        storage.sessions.register(
            new, lambda met: writing(new, delete=tuple(row.session_id for row in met))
        )
        assert ids(everything(storage)) == ids([new, bystander])

    def test_a_row_in_the_way_yields_its_hold(self, storage: Storage) -> None:
        old = keep(storage)
        new = a_session(activity_lock=old.activity_lock)
        storage.sessions.register(
            new, lambda met: writing(new, unlock=tuple(row.session_id for row in met))
        )
        assert found(storage, old) == replace(old, activity_lock=old.session_id)
        assert found(storage, new) == new

    def test_one_resolution_can_delete_yield_and_change(self, storage: Storage) -> None:
        survivor, superseded, in_the_way = keep(storage), keep(storage), keep(storage)
        new = a_session(
            session_id=survivor.session_id,
            token=survivor.token,
            identity=superseded.identity,
            activity_lock=in_the_way.activity_lock,
        )

        def resolve(met: Sequence[Session]) -> Resolution:
            if len(met) < 3:
                return writing(new)
            return writing(new, delete=(superseded.session_id,), unlock=(in_the_way.session_id,))

        storage.sessions.register(new, resolve)
        assert stored(storage, superseded) is None
        assert found(storage, in_the_way).activity_lock == in_the_way.session_id
        assert found(storage, survivor) == new

    def test_an_error_of_the_rule_reaches_the_caller_and_leaves_all_as_it_was(
        self, storage: Storage
    ) -> None:
        other = keep(storage)

        def fail(met: Sequence[Session]) -> Resolution:
            raise LookupError("a mistake in the rule")

        with pytest.raises(LookupError):
            storage.sessions.register(a_session(token=other.token), fail)
        assert everything(storage) == [other]
        keep(storage)

    # --- how many a user has -----------------------------------------------------------------

    def test_a_users_rows_are_counted_whatever_their_status(self, storage: Storage) -> None:
        for status in SessionStatus:
            keep(storage, user_id="ada", status=status)
        keep(storage, user_id="grace")
        keep(storage, user_id=None)
        assert storage.sessions.count_of_user("ada") == len(SessionStatus)

    def test_a_user_who_has_none_has_none(self, storage: Storage) -> None:
        assert storage.sessions.count_of_user("nobody") == 0
