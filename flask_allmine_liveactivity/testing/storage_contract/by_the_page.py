"""What is done for many streams at once does of each what is done for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import NEVER, Session, StreamEvent, new_id
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    LEASE,
    NOW,
    STREAM,
    an_announcement,
    everything,
    ids,
    keep,
    keep_many,
    take,
    the_event,
)

# More than a storage may take at a time.
MANY = 130


def streams(storage: Storage, count: int, *, phones: int = 1) -> list[StreamEvent]:
    """Streams that have ended, with so many phones each."""
    events = []
    for number in range(count):
        stream_id = f"{number:024x}"
        keep_many(storage, phones, stream_id=stream_id)
        events.append(storage.streams.announce(an_announcement(stream_id=stream_id), NOW))
    return events


def take_each(
    storage: Storage, events: list[StreamEvent], *, limit: int = 10, now: float = NOW
) -> list[Session]:
    return storage.sessions.claim_each(
        events, claim_id=new_id(), limit=limit, now=now, leased_until=now + LEASE
    )


class ByThePage:
    # --- claim_each --------------------------------------------------------------------------

    def test_nothing_is_claimed_of_no_streams(self, storage: Storage) -> None:
        keep(storage)
        assert take_each(storage, []) == []

    @pytest.mark.parametrize("count", [1, 2, 50, 51, MANY])
    def test_of_each_stream_all_are_claimed(self, storage: Storage, count: int) -> None:
        events = streams(storage, count, phones=2)
        claimed = storage.sessions.claim_each(
            events, claim_id="c" * 32, limit=10, now=NOW, leased_until=NOW + LEASE
        )
        assert ids(claimed) == ids(everything(storage))
        assert {(row.claim_id, row.leased_until) for row in claimed} == {("c" * 32, NOW + LEASE)}
        assert sorted(claimed, key=lambda row: row.session_id) == everything(storage)

    def test_of_each_stream_no_more_are_claimed_than_asked_for(self, storage: Storage) -> None:
        events = streams(storage, 3, phones=4)
        claimed = take_each(storage, events, limit=3)
        counts = {
            event.stream_id: sum(row.stream_id == event.stream_id for row in claimed)
            for event in events
        }
        assert set(counts.values()) == {3}

    def test_streams_that_were_not_asked_for_are_left_alone(self, storage: Storage) -> None:
        events = streams(storage, 3)
        claimed = take_each(storage, events[:2])
        assert {row.stream_id for row in claimed} == {event.stream_id for event in events[:2]}
        assert len(take(storage, stream_id=events[2].stream_id)) == 1

    def test_what_is_claimed_is_not_claimed_again_before_its_lease_ends(
        self, storage: Storage
    ) -> None:
        events = streams(storage, 3)
        take(storage, stream_id=events[0].stream_id)
        assert len(take_each(storage, events)) == 2
        assert take_each(storage, events, now=NOW + LEASE - 0.001) == []
        assert len(take_each(storage, events, now=NOW + LEASE)) == 3

    def test_what_is_not_due_is_not_claimed(self, storage: Storage) -> None:
        events = streams(storage, 2)
        keep(storage, stream_id=events[0].stream_id, due_at=NOW + 1)
        assert len(take_each(storage, events)) == 2

    def test_each_stream_has_its_own_revision(self, storage: Storage) -> None:
        first, second = streams(storage, 2, phones=0)
        told = keep(storage, stream_id=first.stream_id, delivered=1)
        behind = keep(storage, stream_id=second.stream_id, delivered=1)
        second = storage.streams.announce(
            an_announcement(stream_id=second.stream_id, said="else"), NOW
        )
        assert ids(take_each(storage, [first, second])) == ids([behind])
        assert told.delivered == first.revision

    # --- next_due_of_each --------------------------------------------------------------------

    def test_those_that_have_nobody_pending_are_left_out(self, storage: Storage) -> None:
        events = streams(storage, 2)
        quiet = storage.streams.announce(an_announcement(), NOW)
        keep(storage, delivered=quiet.revision)
        dues = storage.sessions.next_due_of_each([*events, quiet])
        assert dues == {event.stream_id: NOW for event in events}

    def test_each_has_its_own_time(self, storage: Storage) -> None:
        events = streams(storage, MANY, phones=0)
        for number, event in enumerate(events):
            keep(storage, stream_id=event.stream_id, due_at=NOW + number)
            keep(storage, stream_id=event.stream_id, due_at=NOW + number + HOUR)
        dues = storage.sessions.next_due_of_each(events)
        assert dues == {event.stream_id: NOW + number for number, event in enumerate(events)}

    def test_who_is_claimed_is_due_when_the_lease_ends(self, storage: Storage) -> None:
        events = streams(storage, 2)
        take(storage, stream_id=events[0].stream_id)
        assert storage.sessions.next_due_of_each(events) == {
            events[0].stream_id: NOW + LEASE,
            events[1].stream_id: NOW,
        }

    # --- rest --------------------------------------------------------------------------------

    def test_no_events_rest_where_none_are_given(self, storage: Storage) -> None:
        assert storage.streams.rest([]) == 0

    def test_each_rests_until_its_own_time(self, storage: Storage) -> None:
        events = streams(storage, MANY, phones=0)
        rests = [(event, NOW + number % 7) for number, event in enumerate(events)]
        assert storage.streams.rest(rests) == MANY
        for event, due_at in rests:
            assert storage.streams.read(event.stream_id) == replace(
                event, due_at=due_at, touch=event.touch + 1
            )

    def test_those_that_were_woken_meanwhile_stay_due(self, storage: Storage) -> None:
        events = streams(storage, 3, phones=0)
        storage.streams.rest([(event, NOW + 60) for event in events])
        resting = [the_event(storage, event.stream_id) for event in events]
        woken = storage.streams.wake(events[1].stream_id, NOW, NOW)
        assert storage.streams.rest([(event, NEVER) for event in resting]) == 2
        assert storage.streams.read(events[1].stream_id) == woken
        assert the_event(storage, events[0].stream_id).due_at == NEVER

    def test_those_that_were_announced_anew_meanwhile_stay_due(self, storage: Storage) -> None:
        events = streams(storage, 3, phones=0)
        stream_id = events[1].stream_id
        anew = storage.streams.announce(an_announcement(stream_id=stream_id, said="else"), NOW)
        assert storage.streams.rest([(event, NEVER) for event in events]) == 2
        assert storage.streams.read(stream_id) == anew

    def test_those_of_another_revision_but_the_same_touch_stay_due(self, storage: Storage) -> None:
        first, second = streams(storage, 2, phones=0)
        other = replace(second, revision=second.revision + 1)
        assert storage.streams.rest([(first, NEVER), (other, NEVER)]) == 1
        assert storage.streams.read(second.stream_id) == second

    def test_those_that_are_gone_do_not_count(self, storage: Storage) -> None:
        (event,) = streams(storage, 1, phones=0)
        gone = replace(event, stream_id=STREAM)
        assert storage.streams.rest([(event, NOW + 1), (gone, NOW + 1)]) == 1
        assert storage.streams.read(STREAM) is None

    def test_their_rest_lifts_a_hold(self, storage: Storage) -> None:
        events = streams(storage, 2, phones=0)
        storage.streams.hold(events[0], "InvalidProviderToken", NOW, NOW + HOUR)
        storage.streams.rest([(event, NOW + 60) for event in events])
        after = the_event(storage, events[0].stream_id)
        assert (after.held_reason, after.held_since, after.due_at) == (None, None, NOW + 60)
