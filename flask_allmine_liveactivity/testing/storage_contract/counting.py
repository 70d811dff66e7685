"""How many sessions stand where: what is counted, and apart from what."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.model import Counts, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    an_update,
    keep,
    keep_many,
    take,
    updated,
)

ENDED, DEAD = SessionStatus.ENDED, SessionStatus.DEAD


class Counting:
    def test_an_empty_storage_counts_nothing(self, storage: Storage) -> None:
        assert storage.counts(NOW) == Counts()

    def test_sessions_are_counted_by_where_they_stand(self, storage: Storage) -> None:
        keep_many(storage, 2)
        keep(storage, status=ENDED)
        keep_many(storage, 2, status=DEAD, reason="Unregistered")
        keep(storage, status=DEAD, reason="BadDeviceToken")
        assert storage.counts(NOW) == Counts(
            active=2, ended=1, dead={"Unregistered": 2, "BadDeviceToken": 1}
        )

    def test_what_was_given_up_without_a_reason_is_counted_too(self, storage: Storage) -> None:
        keep(storage, status=DEAD, reason=None)
        assert storage.counts(NOW).dead == {"": 1}

    def test_only_who_is_still_to_be_told_and_runs_is_pending(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        keep(storage)
        keep(storage, delivered=1)
        keep(storage, expires_at=NOW)
        keep(storage, status=ENDED)
        keep(storage, stream_id=OTHER_STREAM)
        counts = storage.counts(NOW)
        assert (counts.pending, counts.active) == (1, 4)

    def test_nobody_is_pending_after_a_reopen(self, storage: Storage) -> None:
        keep(storage)
        storage.streams.announce(an_announcement(), NOW)
        storage.streams.reopen(STREAM, NOW)
        counts = storage.counts(NOW)
        assert (counts.pending, counts.oldest_pending_since) == (0, None)

    def test_a_claimed_session_is_pending(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        keep(storage)
        take(storage)
        assert storage.counts(NOW).pending == 1

    def test_pending_ones_that_were_refused_are_counted_by_reason(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        keep_many(storage, 2, reason="InternalServerError")
        keep(storage, reason="TooManyRequests")
        keep(storage)
        keep(storage, reason="Unheard", delivered=1)
        assert storage.counts(NOW).waiting == {"InternalServerError": 2, "TooManyRequests": 1}

    def test_the_first_of_those_that_were_refused_is_due_again_then(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        for due_at in (NOW + 900, NOW + 60, NOW + 300):
            keep(storage, reason="BadDeviceToken", due_at=due_at)
        keep(storage, reason="TooManyRequests", due_at=NOW - 5)
        keep(storage, due_at=NOW + 1)
        keep(storage, reason="Unheard", delivered=1)
        assert storage.counts(NOW).next_tries == {
            "BadDeviceToken": NOW + 60,
            "TooManyRequests": NOW - 5,
        }

    def test_who_registered_before_the_end_waits_since_the_end(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW - 500)
        storage.streams.announce(an_announcement(), NOW - 20)
        assert storage.counts(NOW).oldest_pending_since == NOW - 20

    def test_he_waits_since_then_though_a_batch_has_gone_out(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW - 500)
        event = storage.streams.announce(an_announcement(), NOW - 20)
        storage.streams.stamp([event], int(NOW))
        assert storage.counts(NOW).oldest_pending_since == NOW - 20

    def test_another_end_is_another_wait_and_the_same_again_is_none(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW - 500)
        storage.streams.announce(an_announcement(), NOW - 20)
        storage.streams.announce(an_announcement(), NOW - 15)
        assert storage.counts(NOW).oldest_pending_since == NOW - 20
        storage.streams.announce(an_announcement(said="else"), NOW - 10)
        assert storage.counts(NOW).oldest_pending_since == NOW - 10
        assert storage.streams.reopen(STREAM, NOW - 5).announced_at is None
        assert storage.streams.announce(an_announcement(), NOW - 5).announced_at == NOW - 5

    def test_who_registered_after_the_end_waits_since_then(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW - 5.5)
        storage.streams.announce(an_announcement(), NOW - 20)
        assert storage.counts(NOW).oldest_pending_since == NOW - 5.5

    def test_the_oldest_of_all_pending_is_said(self, storage: Storage) -> None:
        for ago in (3, 8, 5):
            keep(storage, token_seen_at=NOW - ago, reason=f"reason {ago}")
        storage.streams.announce(an_announcement(), NOW - 20)
        assert storage.counts(NOW).oldest_pending_since == NOW - 8

    def test_one_stream_can_be_counted_alone(self, storage: Storage) -> None:
        for stream_id, rows in ((STREAM, 1), (OTHER_STREAM, 2)):
            storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
            keep_many(storage, rows, stream_id=stream_id, reason="Why")
            keep(storage, stream_id=stream_id, status=DEAD, reason="Unregistered")
        assert storage.counts(NOW, OTHER_STREAM) == Counts(
            active=2,
            pending=2,
            oldest_pending_since=NOW,
            waiting={"Why": 2},
            next_tries={"Why": NOW},
            dead={"Unregistered": 1},
        )

    # --- updates -----------------------------------------------------------------------------

    def test_who_is_to_be_told_an_update_is_counted_apart(self, storage: Storage) -> None:
        storage.streams.announce(an_update(), NOW)
        storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        keep_many(storage, 2)
        keep(storage, expires_at=NOW)
        keep(storage, stream_id=OTHER_STREAM)
        counts = storage.counts(NOW)
        assert (counts.pending, counts.updates_pending, counts.untold) == (1, 2, 3)

    def test_who_waits_for_an_update_is_not_among_those_who_wait_for_an_end(
        self, storage: Storage
    ) -> None:
        keep(storage, token_seen_at=NOW - 500)
        keep(storage, token_seen_at=NOW - 500, stream_id=OTHER_STREAM)
        storage.streams.announce(an_update(), NOW - 300)
        storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW - 20)
        counts = storage.counts(NOW)
        assert (counts.oldest_pending_since, counts.oldest_update_since) == (NOW - 20, NOW - 300)

    def test_who_registered_after_an_update_waits_for_it_since_then(self, storage: Storage) -> None:
        storage.streams.announce(an_update(), NOW - 300)
        keep(storage, token_seen_at=NOW - 5.5)
        keep(storage, token_seen_at=NOW - 3, reason="TooManyRequests")
        counts = storage.counts(NOW)
        assert (counts.oldest_pending_since, counts.oldest_update_since) == (None, NOW - 5.5)

    def test_those_that_were_refused_are_counted_whatever_they_wait_for(
        self, storage: Storage
    ) -> None:
        storage.streams.announce(an_update(), NOW)
        storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        keep_many(storage, 2, reason="BadDeviceToken", due_at=NOW + 60)
        keep(storage, reason="BadDeviceToken", due_at=NOW + 20, stream_id=OTHER_STREAM)
        counts = storage.counts(NOW)
        assert counts.waiting == {"BadDeviceToken": 3}
        assert counts.next_tries == {"BadDeviceToken": NOW + 20}

    def test_an_end_over_an_update_makes_one_wait_of_two(self, storage: Storage) -> None:
        keep(storage, token_seen_at=NOW - 500)
        storage.streams.announce(an_update(), NOW - 30)
        storage.streams.announce(an_announcement(), NOW - 10)
        counts = storage.counts(NOW)
        assert (counts.pending, counts.updates_pending) == (1, 0)
        assert (counts.oldest_pending_since, counts.oldest_update_since) == (NOW - 10, None)

    def test_who_has_been_told_an_update_and_runs_on_is_counted(self, storage: Storage) -> None:
        storage.streams.announce(an_update(), NOW)
        keep(storage, delivered=1)
        keep(storage)
        keep(storage, delivered=1, reason="TooManyRequests")
        keep(storage, delivered=1, status=ENDED)
        keep(storage, delivered=1, status=DEAD)
        counts = storage.counts(NOW)
        assert (counts.updated, counts.updates_pending, counts.active) == (1, 1, 3)

    def test_a_settled_update_is_counted_as_told(self, storage: Storage) -> None:
        storage.streams.announce(an_update(), NOW)
        keep(storage)
        (claimed,) = take(storage)
        storage.sessions.settle([updated(claimed)])
        counts = storage.counts(NOW)
        assert (counts.updated, counts.untold, counts.ended) == (1, 0, 0)

    # --- ends that were found ----------------------------------------------------------------

    def test_streams_whose_end_was_found_are_counted(self, storage: Storage) -> None:
        sources = ("said", "found", "found", "guard", "expired", None)
        for number, source in enumerate(sources):
            ended = an_announcement(stream_id=f"stream-{number}", source=source)
            storage.streams.announce(ended, NOW)
        storage.streams.announce(an_update(stream_id="other"), NOW)
        assert storage.counts(NOW).ends_found == 2

    def test_an_end_that_was_found_is_counted_while_it_stands(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(source="found"), NOW)
        assert storage.counts(NOW).ends_found == 1
        storage.streams.reopen(STREAM, NOW)
        assert storage.counts(NOW).ends_found == 0

    @pytest.mark.parametrize(("source", "found"), [("found", 1), ("said", 0)])
    def test_of_one_stream_only_its_own_end_is_counted(
        self, storage: Storage, source: str, found: int
    ) -> None:
        storage.streams.announce(an_announcement(source=source), NOW)
        storage.streams.announce(an_announcement(source="found", stream_id=OTHER_STREAM), NOW)
        assert storage.counts(NOW, STREAM).ends_found == found
