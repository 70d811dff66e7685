"""Updates: claims in turn, settlements of who runs on, and ends that wait for neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import DUE_NOW, SessionStatus, StreamEvent, new_id
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    LEASE,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    an_update,
    delivered,
    found,
    gone,
    ids,
    keep,
    later,
    take,
    the_event,
    updated,
)


def update(storage: Storage, times: int = 1, stream_id: str = STREAM) -> StreamEvent:
    """An update of a stream, the last of several."""
    for number in range(times):
        update = an_update(stream_id=stream_id, said=f"renamed {number}")
        event = storage.streams.announce(update, NOW)
    return event


class Updating:
    # --- announcing --------------------------------------------------------------------------

    def test_an_update_is_kept_as_it_was_announced(self, storage: Storage) -> None:
        event = storage.streams.announce(an_update(priority=10), NOW)
        assert (event.revision, event.event, event.state) == (1, "update", None)
        assert (event.content_state, event.priority) == ({"title": "renamed"}, 10)
        assert the_event(storage) == event

    def test_an_update_is_due_after_all_ends(self, storage: Storage) -> None:
        update(storage)
        end = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW - HOUR)
        due = storage.streams.due(NOW, 10)
        assert [event.stream_id for event in due] == [end.stream_id, STREAM]

    def test_an_update_keeps_its_distance_from_the_round_before(self, storage: Storage) -> None:
        storage.streams.begin([update(storage)], NOW)
        again = storage.streams.announce(an_update(said="again"), NOW + 1)
        assert again.due_at == NOW + 5
        assert storage.streams.announce(an_update(said="later"), NOW + 6).due_at == DUE_NOW

    def test_who_registers_meanwhile_does_not_make_it_due_sooner(self, storage: Storage) -> None:
        event = update(storage)
        storage.streams.begin([event], NOW)
        storage.streams.rest([(event, NOW + HOUR)])
        woken = storage.streams.wake(STREAM, NOW, NOW + 1)
        assert woken is not None
        assert woken.due_at == NOW + 5

    def test_a_round_that_begins_is_only_of_the_revision_that_was_read(
        self, storage: Storage
    ) -> None:
        old = update(storage)
        new = update(storage, 2)
        storage.streams.begin([old], NOW)
        assert the_event(storage) == new
        storage.streams.begin([new], NOW)
        assert the_event(storage) == replace(new, told_at=NOW)

    def test_an_end_over_an_update_is_due_at_once(self, storage: Storage) -> None:
        storage.streams.begin([update(storage)], NOW)
        end = storage.streams.announce(an_announcement(), NOW + 1)
        assert end.due_at <= DUE_NOW
        assert (end.revision, end.told_at, end.priority) == (2, NOW, None)

    def test_an_update_does_not_lift_a_hold_and_an_end_does(self, storage: Storage) -> None:
        storage.streams.hold(update(storage), "InvalidProviderToken", NOW, NOW + HOUR)
        again = storage.streams.announce(an_update(said="again"), NOW)
        assert (again.held_since, again.due_at) == (NOW, NOW + HOUR)
        end = storage.streams.announce(an_announcement(), NOW)
        assert end.held_since is None
        assert end.due_at <= DUE_NOW

    def test_nobody_recalls_an_update(self, storage: Storage) -> None:
        storage.streams.begin([update(storage)], NOW)
        waiting = storage.streams.announce(an_update(said="again"), NOW + 1)
        assert storage.streams.recall(NOW + 1) == 0
        assert the_event(storage) == waiting

    # --- claiming in turn --------------------------------------------------------------------

    def test_who_was_told_longest_ago_comes_first(self, storage: Storage) -> None:
        told_last = keep(storage, delivered=2, due_at=NOW - 3)
        told_first = keep(storage, delivered=1, due_at=NOW - 1)
        never_told = keep(storage, due_at=NOW)
        in_turn = [never_told, told_first, told_last]
        for session in in_turn:
            assert ids(take(storage, revision=3, limit=1, round_robin=True)) == ids([session])
        assert take(storage, revision=3, round_robin=True) == []

    def test_who_was_told_it_is_not_claimed(self, storage: Storage) -> None:
        keep(storage, delivered=3)
        late = keep(storage)
        assert ids(take(storage, revision=3, round_robin=True)) == ids([late])

    def test_who_is_not_due_is_not_claimed_in_turn(self, storage: Storage) -> None:
        keep(storage, due_at=NOW + 1)
        assert take(storage, round_robin=True) == []
        assert len(take(storage, now=NOW + 1, round_robin=True)) == 1

    def test_the_next_due_in_turn_is_the_same(self, storage: Storage) -> None:
        keep(storage, delivered=3, due_at=NOW - HOUR)
        assert storage.sessions.next_due(STREAM, 3, round_robin=True) is None
        keep(storage, delivered=1, due_at=NOW + 9)
        assert storage.sessions.next_due(STREAM, 3, round_robin=True) == NOW + 9
        keep(storage, delivered=2, due_at=NOW + 8)
        assert storage.sessions.next_due(STREAM, 3, round_robin=True) == NOW + 8
        keep(storage, due_at=NOW)
        take(storage, revision=3, round_robin=True)
        assert storage.sessions.next_due(STREAM, 3, round_robin=True) == NOW + 8
        keep(storage, delivered=0, due_at=NOW + 1)
        assert storage.sessions.next_due(STREAM, 3, round_robin=True) == NOW + 1

    def test_a_page_may_have_ends_and_updates(self, storage: Storage) -> None:
        events = [
            update(storage),
            storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW),
        ]
        keep(storage, delivered=1)
        behind = [keep(storage), keep(storage, stream_id=OTHER_STREAM)]
        claimed = storage.sessions.claim_each(
            events, claim_id=new_id(), limit=10, now=NOW, leased_until=NOW + LEASE
        )
        assert ids(claimed) == ids(behind)
        assert storage.sessions.next_due_of_each(events) == {
            STREAM: NOW + LEASE,
            OTHER_STREAM: NOW + LEASE,
        }

    # --- settling who runs on ----------------------------------------------------------------

    def test_who_has_been_told_an_update_runs_on(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage)
        assert storage.sessions.settle([updated(claimed, 1)]) == 1
        after = found(storage, claimed)
        assert (after.status, after.delivered, after.claim_id) == (SessionStatus.ACTIVE, 1, None)
        assert take(storage) == []
        assert len(take(storage, revision=2)) == 1

    def test_a_late_answer_never_lowers_what_was_told(self, storage: Storage) -> None:
        keep(storage)
        (slow,) = take(storage, revision=1)
        (quick,) = take(storage, revision=2, now=NOW + LEASE)
        storage.sessions.settle([updated(quick, 2)])
        assert storage.sessions.settle([updated(slow, 1)]) == 0
        assert found(storage, slow).delivered == 2

    @pytest.mark.parametrize("status", [SessionStatus.ENDED, SessionStatus.DEAD])
    def test_a_late_answer_to_an_update_revives_nobody(
        self, storage: Storage, status: SessionStatus
    ) -> None:
        keep(storage)
        (slow,) = take(storage, revision=1)
        (quick,) = take(storage, revision=2, now=NOW + LEASE)
        told = delivered(quick, 2) if status is SessionStatus.ENDED else gone(quick)
        storage.sessions.settle([told])
        ended = found(storage, slow)
        assert ended.status is status
        assert storage.sessions.settle([updated(slow, 1)]) == 0
        assert found(storage, slow) == ended
        assert take(storage, revision=3, now=NOW + 2 * LEASE) == []

    def test_a_late_answer_to_an_update_does_not_take_the_next_claim_for_long(
        self, storage: Storage
    ) -> None:
        """Whoever has it is told twice at the most, and never less."""
        keep(storage)
        (slow,) = take(storage, revision=1)
        (quick,) = take(storage, revision=2, now=NOW + LEASE)
        storage.sessions.settle([updated(slow, 1)])
        assert storage.sessions.settle([updated(quick, 2)]) == 1
        assert found(storage, quick).delivered == 2

    def test_which_revision_was_refused_is_kept(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage, revision=4)
        storage.sessions.settle([later(claimed, refused=4)])
        assert found(storage, claimed).refused == 4

    # --- ends wait for nothing that an update has caused -------------------------------------

    def test_who_waits_for_an_earlier_revision_is_due_for_the_end(self, storage: Storage) -> None:
        keep(storage)
        (claimed,) = take(storage, revision=1)
        storage.sessions.settle([later(claimed, NOW + HOUR, refused=1, rejections=2)])
        end = replace(storage.streams.announce(an_announcement(), NOW), revision=2)
        assert storage.sessions.forget_refusals([end], NOW) == 1
        after = found(storage, claimed)
        assert (after.attempts, after.rejections, after.reason) == (0, 0, None)
        assert after.due_at <= NOW
        assert ids(take(storage, revision=2)) == ids([claimed])

    @pytest.mark.parametrize("reason", ["refused by the end itself", "claimed", "told", "over"])
    def test_who_else_waits_is_left_as_he_is(self, storage: Storage, reason: str) -> None:
        event = replace(storage.streams.announce(an_announcement(), NOW), revision=2)
        session = keep(storage)
        (claimed,) = take(storage, revision=2)
        if reason == "refused by the end itself":
            storage.sessions.settle([later(claimed, NOW + HOUR, refused=2)])
        elif reason == "claimed":
            storage.sessions.settle([later(claimed, NOW + 1, refused=1)])
            take(storage, revision=2, now=NOW + 1)
        elif reason == "told":
            storage.sessions.settle([updated(claimed, 2, due_at=NOW + HOUR)])
        else:
            storage.sessions.settle([gone(claimed, due_at=NOW + HOUR)])
        before = found(storage, session)
        assert storage.sessions.forget_refusals([event], NOW) == 0
        assert found(storage, session) == before

    def test_other_streams_wait_on(self, storage: Storage) -> None:
        keep(storage, stream_id=OTHER_STREAM)
        (claimed,) = take(storage, stream_id=OTHER_STREAM)
        storage.sessions.settle([later(claimed, NOW + HOUR, refused=1)])
        end = replace(storage.streams.announce(an_announcement(), NOW), revision=2)
        assert storage.sessions.forget_refusals([end], NOW) == 0
        assert storage.sessions.forget_refusals([], NOW) == 0
