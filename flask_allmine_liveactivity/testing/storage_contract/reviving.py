"""What was refused begins anew, once a person has mended what it was refused for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flask_allmine_liveactivity.model import DUE_NOW, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    delivered,
    found,
    keep,
    keep_many,
    later,
    take,
)

ACTIVE, ENDED, DEAD = SessionStatus.ACTIVE, SessionStatus.ENDED, SessionStatus.DEAD


class Reviving:
    def test_a_revived_session_begins_anew(self, storage: Storage) -> None:
        dead = keep(
            storage,
            status=DEAD,
            delivered=1,
            attempts=3,
            rejections=3,
            reason="BadDeviceToken",
            due_at=NOW + 99,
        )
        assert storage.sessions.revive(None, NOW + 5) == {STREAM: 1}
        assert found(storage, dead) == replace(
            dead, status=ACTIVE, delivered=0, attempts=0, rejections=0, reason=None, due_at=DUE_NOW
        )

    def test_a_revived_session_can_be_claimed(self, storage: Storage) -> None:
        keep(storage, status=DEAD, due_at=NOW + 99)
        storage.sessions.revive(STREAM, NOW)
        assert len(take(storage, now=NOW)) == 1

    def test_revived_sessions_are_counted_by_stream(self, storage: Storage) -> None:
        keep_many(storage, 2, status=DEAD)
        keep(storage, status=DEAD, stream_id=OTHER_STREAM)
        assert storage.sessions.revive(None, NOW) == {STREAM: 2, OTHER_STREAM: 1}

    def test_one_streams_sessions_can_be_revived_alone(self, storage: Storage) -> None:
        keep(storage, status=DEAD)
        other = keep(storage, status=DEAD, stream_id=OTHER_STREAM)
        assert storage.sessions.revive(STREAM, NOW) == {STREAM: 1}
        assert found(storage, other) == other

    def test_who_waits_because_of_a_refusal_is_due_at_once_and_begins_anew(
        self, storage: Storage
    ) -> None:
        waits = keep(
            storage,
            attempts=2,
            rejections=2,
            reason="BadDeviceToken",
            due_at=NOW + HOUR,
            delivered=1,
        )
        assert storage.sessions.revive(None, NOW + 5) == {STREAM: 1}
        assert found(storage, waits) == replace(
            waits, attempts=0, rejections=0, reason=None, due_at=DUE_NOW
        )

    @pytest.mark.parametrize(
        "refused", [{"attempts": 1}, {"reason": "Unregistered"}, {"status": DEAD}], ids=str
    )
    def test_who_was_refused_can_be_claimed_after_a_revival(
        self, storage: Storage, refused: dict[str, Any]
    ) -> None:
        keep(storage, due_at=NOW + HOUR, **refused)
        assert take(storage) == []
        assert storage.sessions.revive(STREAM, NOW) == {STREAM: 1}
        assert storage.sessions.next_due(STREAM, 1) == DUE_NOW
        assert len(take(storage)) == 1

    def test_dead_and_waiting_sessions_of_a_stream_are_counted_together(
        self, storage: Storage
    ) -> None:
        keep_many(storage, 2, status=DEAD, reason="BadDeviceToken")
        keep_many(storage, 3, attempts=1, reason="BadDeviceToken", due_at=NOW + HOUR)
        keep(storage, attempts=1, stream_id=OTHER_STREAM)
        assert storage.sessions.revive(None, NOW) == {STREAM: 5, OTHER_STREAM: 1}
        assert storage.sessions.revive(None, NOW) == {}

    def test_who_was_never_refused_or_was_told_or_is_over_is_not_revived(
        self, storage: Storage
    ) -> None:
        rows = [
            keep(storage, due_at=NOW + 7),
            keep(storage, status=ENDED, delivered=1, attempts=2, due_at=NOW + 30),
            keep(storage, status=DEAD, expires_at=NOW),
            keep(storage, attempts=1, reason="TooManyRequests", expires_at=NOW),
        ]
        assert storage.sessions.revive(None, NOW) == {}
        assert [found(storage, row) for row in rows] == rows

    def test_a_push_that_is_under_way_is_not_disturbed_by_a_revival(self, storage: Storage) -> None:
        keep(storage, attempts=1, reason="InternalServerError")
        (claimed,) = take(storage, lease=60)
        assert storage.sessions.revive(None, NOW + 59) == {}
        assert found(storage, claimed) == claimed
        assert take(storage, now=NOW + 59) == []
        assert storage.sessions.settle([later(claimed)]) == 1

    def test_a_claim_whose_lease_has_ended_is_over_with_a_revival(self, storage: Storage) -> None:
        keep(storage, attempts=1, reason="InternalServerError")
        (claimed,) = take(storage, lease=60)
        assert storage.sessions.revive(None, NOW + 60) == {STREAM: 1}
        row = found(storage, claimed)
        assert (row.claim_id, row.leased_until, row.attempts) == (None, 0.0, 0)
        assert storage.sessions.settle([later(claimed)]) == 0
        assert storage.sessions.settle([delivered(claimed)]) == 1
