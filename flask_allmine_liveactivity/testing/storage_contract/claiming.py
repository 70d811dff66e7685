"""Claims.claim and next_due: who is to be told now, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    LEASE,
    NOW,
    OTHER_STREAM,
    STREAM,
    everything,
    found,
    ids,
    keep,
    keep_many,
    later,
    take,
)


class Claiming:
    def test_nothing_is_claimed_of_a_stream_without_sessions(self, storage: Storage) -> None:
        assert take(storage) == []

    def test_a_pending_session_is_claimed(self, storage: Storage) -> None:
        session = keep(storage)
        claimed = storage.sessions.claim(
            STREAM, 1, claim_id="c" * 32, limit=10, now=NOW, leased_until=NOW + LEASE
        )
        assert claimed == [replace(session, claim_id="c" * 32, leased_until=NOW + LEASE)]
        assert everything(storage) == claimed

    def test_no_more_are_claimed_than_asked_for(self, storage: Storage) -> None:
        keep_many(storage, 5)
        assert len(take(storage, limit=3)) == 3

    def test_what_was_not_asked_for_stays_as_it_is(self, storage: Storage) -> None:
        rows = keep_many(storage, 5)
        taken = ids(take(storage, limit=3))
        rest = [row for row in rows if row.session_id not in taken]
        assert all(found(storage, row) == row for row in rest)

    def test_batches_under_one_lease_are_disjoint_and_complete(self, storage: Storage) -> None:
        rows = keep_many(storage, 7)
        batches = [ids(take(storage, limit=3)) for _ in range(4)]
        assert [len(batch) for batch in batches] == [3, 3, 1, 0]
        assert set().union(*batches) == ids(rows)

    def test_a_claim_holds_until_its_lease_ends(self, storage: Storage) -> None:
        keep(storage)
        take(storage)
        assert take(storage, now=NOW + LEASE - 0.001) == []

    def test_a_claim_whose_lease_is_over_passes_to_the_next(self, storage: Storage) -> None:
        session = keep(storage)
        (first,) = take(storage)
        (second,) = take(storage, now=NOW + LEASE)
        assert second.session_id == session.session_id
        assert second.claim_id != first.claim_id

    def test_what_is_told_is_not_claimed(self, storage: Storage) -> None:
        keep(storage, delivered=2)
        assert take(storage, revision=2) == []

    def test_what_was_told_an_earlier_revision_is_claimed(self, storage: Storage) -> None:
        session = keep(storage, delivered=1)
        assert ids(take(storage, revision=2)) == {session.session_id}

    @pytest.mark.parametrize("status", [SessionStatus.ENDED, SessionStatus.DEAD])
    def test_what_is_over_is_not_claimed(self, storage: Storage, status: SessionStatus) -> None:
        keep(storage, status=status)
        assert take(storage) == []

    def test_what_is_not_yet_due_is_not_claimed(self, storage: Storage) -> None:
        keep(storage, due_at=NOW + 0.5)
        assert take(storage, now=NOW) == []
        assert len(take(storage, now=NOW + 0.5)) == 1

    def test_an_expired_session_is_claimed_to_be_given_up_on_record(self, storage: Storage) -> None:
        keep(storage, expires_at=NOW - 1)
        assert len(take(storage)) == 1

    def test_other_streams_are_left_alone(self, storage: Storage) -> None:
        other = keep(storage, stream_id=OTHER_STREAM)
        keep(storage)
        take(storage)
        assert found(storage, other) == other

    def test_a_session_without_an_owner_is_claimed(self, storage: Storage) -> None:
        keep(storage, user_id=None)
        assert len(take(storage)) == 1

    def test_a_large_batch_is_claimed_at_once(self, storage: Storage) -> None:
        rows = keep_many(storage, 60)
        assert ids(take(storage, limit=60)) == ids(rows)

    # --- next due ----------------------------------------------------------------------------

    def test_nothing_is_due_next_where_nobody_is_pending(self, storage: Storage) -> None:
        keep(storage, delivered=1)
        keep(storage, status=SessionStatus.DEAD)
        keep(storage, stream_id=OTHER_STREAM)
        assert storage.sessions.next_due(STREAM, 1) is None

    def test_the_earliest_pending_session_is_due_next(self, storage: Storage) -> None:
        keep(storage, due_at=NOW + 9)
        keep(storage, due_at=NOW + 4.5)
        keep(storage, due_at=NOW + 1, delivered=1)
        assert storage.sessions.next_due(STREAM, 1) == NOW + 4.5

    def test_what_another_has_claimed_is_due_when_his_lease_ends(self, storage: Storage) -> None:
        keep(storage)
        take(storage)
        assert storage.sessions.next_due(STREAM, 1) == NOW + LEASE

    def test_what_nobody_has_claimed_is_due_before_what_another_has(self, storage: Storage) -> None:
        keep_many(storage, 3)
        take(storage)
        keep(storage, due_at=NOW + LEASE - 1)
        keep(storage, due_at=NOW + LEASE - 2)
        assert storage.sessions.next_due(STREAM, 1) == NOW + LEASE - 2

    def test_a_lease_that_ends_before_the_next_wait_is_over_comes_first(
        self, storage: Storage
    ) -> None:
        keep_many(storage, 2)
        take(storage, limit=1, lease=LEASE + 5)
        take(storage, limit=1)
        keep(storage, due_at=NOW + LEASE + 1)
        assert storage.sessions.next_due(STREAM, 1) == NOW + LEASE

    def test_what_waits_is_due_when_its_wait_is_over(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        storage.sessions.settle([later(claimed, NOW + 8)])
        assert storage.sessions.next_due(STREAM, 1) == NOW + 8
