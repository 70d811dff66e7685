"""Claims.settle: what a push makes of a session, and when it no longer counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    LEASE,
    NOW,
    OTHER_STREAM,
    a_session,
    delivered,
    found,
    gone,
    ids,
    keep,
    keep_many,
    later,
    stored,
    take,
)


def change(storage: Storage, session: Session, **to: object) -> Session:
    """The phone registers again meanwhile."""
    changed = replace(found(storage, session), **to)  # type: ignore[arg-type]
    storage.sessions.register(
        changed, lambda met: Resolution(outcome=Outcome.STORED, write=changed)
    )
    assert found(storage, session) == changed
    return changed


class Settling:
    def test_nothing_to_settle_is_no_mistake(self, storage: Storage) -> None:
        assert storage.sessions.settle([]) == 0

    def test_everything_that_a_settlement_says_is_written(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        settlement = later(
            claimed, NOW + 900, attempts=4, rejections=2, delivered=1, reason="BadDeviceToken"
        )
        assert storage.sessions.settle([settlement]) == 1
        assert found(storage, claimed) == replace(
            claimed,
            attempts=4,
            rejections=2,
            delivered=1,
            due_at=NOW + 900,
            reason="BadDeviceToken",
            claim_id=None,
            leased_until=0.0,
        )

    def test_a_told_session_has_ended(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        storage.sessions.settle([delivered(claimed, 3)])
        after = found(storage, claimed)
        assert (after.status, after.delivered, after.claim_id) == (SessionStatus.ENDED, 3, None)

    def test_where_a_token_was_taken_is_kept(self, storage: Storage) -> None:
        keep_many(storage, 3)
        claimed = take(storage, limit=3)
        learned: list[str | None] = ["production", "sandbox", None]
        storage.sessions.settle(
            [
                delivered(session, environment=environment)
                for session, environment in zip(claimed, learned, strict=True)
            ]
        )
        assert [found(storage, session).environment for session in claimed] == learned

    def test_what_a_phone_says_of_its_token_is_kept(self, storage: Storage) -> None:
        session = keep(storage, environment="sandbox")
        assert found(storage, session).environment == "sandbox"
        change(storage, session, environment="production")

    def test_what_waits_is_claimed_again_when_it_is_due(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        storage.sessions.settle([later(claimed, NOW + 8)])
        assert take(storage, now=NOW + 7.9) == []
        assert len(take(storage, now=NOW + 8)) == 1

    def test_each_of_a_mixed_batch_becomes_its_own(self, storage: Storage) -> None:
        keep_many(storage, 6)
        one, two, three, four, five, six = take(storage)
        count = storage.sessions.settle(
            [
                delivered(one),
                delivered(two),
                gone(three),
                later(four, NOW + 8),
                later(five, NOW + 16),
                later(six, NOW + 8),
            ]
        )
        statuses = [found(storage, row).status for row in (one, two, three, four)]
        waits = [found(storage, row).due_at for row in (four, five, six)]
        assert count == 6
        assert statuses == ["ended", "ended", "dead", "active"]
        assert waits == [NOW + 8, NOW + 16, NOW + 8]

    def test_sessions_of_two_streams_are_settled_together(self, storage: Storage) -> None:
        keep(storage)
        keep(storage, stream_id=OTHER_STREAM)
        claimed = take(storage) + take(storage, stream_id=OTHER_STREAM)
        assert storage.sessions.settle([delivered(session) for session in claimed]) == 2

    def test_sessions_of_two_claims_are_settled_together(self, storage: Storage) -> None:
        keep_many(storage, 2)
        claimed = take(storage, limit=1) + take(storage, limit=1)
        assert storage.sessions.settle([later(session) for session in claimed]) == 2

    def test_bystanders_are_left_alone(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        bystander = keep(storage)
        storage.sessions.settle([delivered(claimed)])
        assert found(storage, bystander) == bystander

    # --- delivered and gone: while the token is the one pushed to ----------------------------

    @pytest.mark.parametrize("settlement", [delivered, gone])
    def test_what_happened_to_the_token_counts_though_the_claim_is_lost(
        self, storage: Storage, settlement: type
    ) -> None:
        keep(storage)
        (mine,) = take(storage)
        take(storage, now=NOW + LEASE)
        assert storage.sessions.settle([settlement(mine)]) == 1
        assert found(storage, mine).status is not SessionStatus.ACTIVE

    @pytest.mark.parametrize("settlement", [delivered, gone])
    def test_what_happened_to_a_rotated_token_does_not_count(
        self, storage: Storage, settlement: type
    ) -> None:
        keep(storage)
        (claimed,) = take(storage)
        rotated = change(storage, claimed, token="b" * 64, claim_id=None, due_at=NOW)
        assert storage.sessions.settle([settlement(claimed)]) == 0
        assert found(storage, claimed) == rotated

    @pytest.mark.parametrize("settlement", [delivered, gone])
    def test_what_happened_to_a_token_that_follows_another_stream_now_does_not_count(
        self, storage: Storage, settlement: type
    ) -> None:
        keep(storage)
        (claimed,) = take(storage)
        moved = change(storage, claimed, stream_id=OTHER_STREAM, claim_id=None, due_at=NOW)
        assert storage.sessions.settle([settlement(claimed)]) == 0
        assert found(storage, claimed) == moved

    def test_what_happened_to_a_token_counts_for_the_row_that_has_it_now(
        self, storage: Storage
    ) -> None:
        old = keep(storage)
        (claimed,) = take(storage)
        new = a_session(token=old.token)
        storage.sessions.register(
            new,
            lambda met: Resolution(
                outcome=Outcome.STORED, write=new, delete=tuple(row.session_id for row in met)
            ),
        )
        assert storage.sessions.settle([delivered(claimed)]) == 1
        assert found(storage, new).status is SessionStatus.ENDED

    def test_what_happened_to_a_token_that_is_gone_from_here_does_not_count(
        self, storage: Storage
    ) -> None:
        keep(storage, expires_at=NOW - 1)
        (claimed,) = take(storage)
        storage.purge(NOW)
        assert storage.sessions.settle([delivered(claimed)]) == 0
        assert stored(storage, claimed) is None

    # --- a retry: while the claim is ours ----------------------------------------------------

    def test_a_retry_does_not_count_where_another_has_the_claim(self, storage: Storage) -> None:
        keep(storage)
        (mine,) = take(storage)
        (his,) = take(storage, now=NOW + LEASE)
        assert storage.sessions.settle([later(mine)]) == 0
        assert found(storage, mine) == his

    def test_a_retry_does_not_count_twice(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        assert [
            storage.sessions.settle([later(claimed)]),
            storage.sessions.settle([later(claimed)]),
        ] == [1, 0]

    def test_a_retry_does_not_count_where_another_has_told_it(self, storage: Storage) -> None:
        keep(storage)
        (mine,) = take(storage)
        (his,) = take(storage, now=NOW + LEASE)
        storage.sessions.settle([delivered(his)])
        assert storage.sessions.settle([later(mine)]) == 0
        assert found(storage, mine).status is SessionStatus.ENDED

    def test_a_retry_does_not_count_where_the_token_was_rotated(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        rotated = change(storage, claimed, token="b" * 64, claim_id=None, due_at=NOW)
        assert storage.sessions.settle([later(claimed)]) == 0
        assert found(storage, claimed) == rotated

    def test_a_mixed_group_counts_only_those_still_held(self, storage: Storage) -> None:
        keep_many(storage, 3)
        claimed = take(storage)
        storage.sessions.settle([delivered(claimed[0])])
        assert storage.sessions.settle([later(session) for session in claimed]) == 2

    # --- not seen after ----------------------------------------------------------------------

    def test_a_phone_that_registered_after_the_claim_is_not_dead(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        seen = change(storage, claimed, token_seen_at=NOW + 1)
        assert storage.sessions.settle([gone(claimed, not_seen_after=NOW)]) == 0
        assert found(storage, claimed) == seen

    def test_a_phone_that_registered_at_that_very_time_or_before_is_dead(
        self, storage: Storage
    ) -> None:
        keep(storage, token_seen_at=NOW)
        keep(storage, token_seen_at=NOW - 5)
        claimed = take(storage)
        assert storage.sessions.settle([gone(row, not_seen_after=NOW) for row in claimed]) == 2

    def test_not_seen_after_holds_for_a_retry_too(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW)
        (claimed,) = take(storage)
        assert storage.sessions.settle([later(claimed, not_seen_after=NOW - 1)]) == 0
        assert storage.sessions.settle([later(claimed, not_seen_after=NOW)]) == 1

    def test_each_of_a_batch_has_its_own_time(self, storage: Storage) -> None:
        keep_many(storage, 2, token_seen_at=NOW)
        one, two = take(storage)
        storage.sessions.settle([gone(one, not_seen_after=NOW), gone(two, not_seen_after=NOW - 1)])
        assert found(storage, one).status is SessionStatus.DEAD
        assert found(storage, two).status is SessionStatus.ACTIVE

    def test_two_settlements_of_one_batch_may_differ_only_in_their_tokens(
        self, storage: Storage
    ) -> None:
        rows = keep_many(storage, 30)
        claimed = take(storage)
        assert storage.sessions.settle([delivered(session) for session in claimed]) == 30
        assert take(storage, now=NOW + 999) == []
        assert ids(claimed) == ids(rows)
