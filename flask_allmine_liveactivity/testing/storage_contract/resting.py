"""When an event is looked at: due events, the conditional rest, holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import DUE_NOW, NEVER, StreamEvent, newly_due
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    the_event,
)

WHY = "InvalidProviderToken"


def announce_at(storage: Storage, due: dict[str, float]) -> None:
    for stream_id, due_at in due.items():
        event = storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
        storage.streams.rest([(event, due_at)])


def held(storage: Storage, stream_id: str = STREAM, since: float = NOW) -> StreamEvent:
    event = storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
    storage.streams.hold(event, WHY, since, NOW + HOUR)
    return the_event(storage, stream_id)


def put_to_rest_by_an_earlier_version(
    storage: Storage, stream_id: str, due_at: float
) -> StreamEvent:
    """It leaves ``touch`` as it was."""
    if storage.streams.read(stream_id) is None:
        storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
    rested = storage.streams.write(stream_id, lambda row: row and replace(row, due_at=due_at))
    assert rested is not None
    return rested


class Resting:
    def test_nothing_is_due_where_nothing_was_said(self, storage: Storage) -> None:
        assert storage.streams.due(NOW, 10) == []

    def test_the_longest_due_comes_first(self, storage: Storage) -> None:
        announce_at(storage, {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1})
        assert [event.stream_id for event in storage.streams.due(NOW, 10)] == ["c", "b", "a"]

    def test_no_more_are_due_than_asked_for(self, storage: Storage) -> None:
        announce_at(storage, {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1})
        assert [event.stream_id for event in storage.streams.due(NOW, 2)] == ["c", "b"]

    def test_an_event_is_due_at_its_very_second(self, storage: Storage) -> None:
        announce_at(storage, {"now": NOW, "soon": NOW + 0.001})
        assert [event.stream_id for event in storage.streams.due(NOW, 10)] == ["now"]

    def test_a_due_event_comes_whole(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(content_state={"a.b": 1}), NOW)
        assert storage.streams.due(NOW, 10) == [event]

    def test_a_held_event_is_due_when_its_hold_is_over(self, storage: Storage) -> None:
        held(storage)
        assert storage.streams.due(NOW + HOUR - 1, 10) == []
        assert len(storage.streams.due(NOW + HOUR, 10)) == 1

    # --- rest --------------------------------------------------------------------------------

    def test_an_event_rests_until_the_time_given(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.rest([(event, NOW + 60)]) == 1
        assert storage.streams.read(STREAM) == replace(
            event, due_at=NOW + 60, touch=event.touch + 1
        )

    def test_an_event_can_rest_for_ever(self, storage: Storage) -> None:
        storage.streams.rest([(storage.streams.announce(an_announcement(), NOW), NEVER)])
        assert the_event(storage).due_at == NEVER

    def test_what_rests_can_rest_for_longer(self, storage: Storage) -> None:
        storage.streams.rest([(storage.streams.announce(an_announcement(), NOW), NOW + 60)])
        resting = the_event(storage)
        assert [storage.streams.rest([(resting, due_at)]) for due_at in (NOW + 90, NEVER)] == [1, 1]
        assert storage.streams.read(STREAM) == replace(resting, due_at=NEVER)

    def test_who_has_read_it_before_it_rested_cannot_rest_it(self, storage: Storage) -> None:
        read = storage.streams.announce(an_announcement(), NOW)
        assert [storage.streams.rest([(read, due_at)]) for due_at in (NOW + 60, NEVER)] == [1, 0]
        assert the_event(storage).due_at == NOW + 60

    def test_an_event_that_was_woken_meanwhile_stays_due(self, storage: Storage) -> None:
        storage.streams.rest([(storage.streams.announce(an_announcement(), NOW), NOW + 60)])
        resting = the_event(storage)
        woken = storage.streams.wake(STREAM, NOW, NOW)
        assert storage.streams.rest([(resting, NEVER)]) == 0
        assert storage.streams.read(STREAM) == woken

    def test_an_event_that_was_announced_anew_meanwhile_stays_due(self, storage: Storage) -> None:
        read = storage.streams.announce(an_announcement(), NOW)
        anew = storage.streams.announce(an_announcement(said="else"), NOW)
        assert storage.streams.rest([(read, NEVER)]) == 0
        assert storage.streams.read(STREAM) == anew

    def test_an_event_of_another_revision_but_the_same_touch_stays_due(
        self, storage: Storage
    ) -> None:
        now = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.rest([(replace(now, revision=now.revision + 1), NEVER)]) == 0

    def test_an_event_that_was_purged_meanwhile_cannot_rest(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(expires_at=NOW), NOW)
        storage.purge(NOW + 1)
        assert storage.streams.rest([(event, NEVER)]) == 0
        assert storage.streams.read(STREAM) is None

    def test_a_rest_lifts_the_hold(self, storage: Storage) -> None:
        event = held(storage)
        assert storage.streams.rest([(event, NOW + 60)]) == 1
        after = the_event(storage)
        assert (after.held_reason, after.held_since, after.due_at) == (None, None, NOW + 60)

    def test_a_rest_leaves_other_streams_alone(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        other = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.streams.rest([(event, NEVER)])
        assert storage.streams.read(OTHER_STREAM) == other

    # --- recall ------------------------------------------------------------------------------

    def test_what_an_earlier_version_has_put_to_rest_is_made_due(self, storage: Storage) -> None:
        put_to_rest_by_an_earlier_version(storage, STREAM, NOW + HOUR)
        assert storage.streams.recall(NOW) == 1
        assert the_event(storage).due_at <= DUE_NOW
        assert storage.streams.recall(NOW) == 0

    def test_what_it_has_put_to_rest_for_ever_is_made_due_too(self, storage: Storage) -> None:
        put_to_rest_by_an_earlier_version(storage, STREAM, NEVER)
        assert storage.streams.recall(NOW) == 1

    def test_what_it_has_put_to_rest_is_made_due_by_who_registers(self, storage: Storage) -> None:
        resting = put_to_rest_by_an_earlier_version(storage, STREAM, NOW + HOUR)
        woken = storage.streams.wake(STREAM, NOW, NOW)
        assert woken == replace(resting, touch=resting.touch + 2, due_at=newly_due(NOW))

    def test_nobody_else_is_recalled(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(stream_id="resting"), NOW)
        storage.streams.rest([(event, NOW + HOUR)])
        held(storage, "held")
        storage.streams.announce(an_announcement(stream_id="due"), NOW)
        storage.streams.announce(an_announcement(stream_id="reopened"), NOW)
        storage.streams.reopen("reopened", NOW)
        storage.streams.announce(an_announcement(stream_id="newer", event="of-tomorrow"), NOW)
        put_to_rest_by_an_earlier_version(storage, "newer", NOW + HOUR)
        names = ("resting", "held", "due", "reopened", "newer")
        before = [storage.streams.read(each) for each in names]
        assert storage.streams.recall(NOW) == 0
        assert [storage.streams.read(each) for each in names] == before

    # --- hold and lift -----------------------------------------------------------------------

    def test_a_held_event_says_why_since_when_and_until_when(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.hold(event, WHY, NOW + 1, NOW + 61)
        assert storage.streams.read(STREAM) == replace(
            event, held_reason=WHY, held_since=NOW + 1, due_at=NOW + 61
        )

    def test_what_was_announced_anew_is_not_held_for_the_old(self, storage: Storage) -> None:
        old = storage.streams.announce(an_announcement(), NOW)
        new = storage.streams.announce(an_announcement(said="else"), NOW)
        storage.streams.hold(old, WHY, NOW, NOW + HOUR)
        assert storage.streams.read(STREAM) == new

    def test_what_was_reopened_is_not_held(self, storage: Storage) -> None:
        old = storage.streams.announce(an_announcement(), NOW)
        reopened = storage.streams.reopen(STREAM, NOW)
        storage.streams.hold(old, WHY, NOW, NOW + HOUR)
        assert storage.streams.read(STREAM) == reopened

    def test_a_late_registration_does_not_prevent_a_hold(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(event, NOW + 60)])
        storage.streams.wake(STREAM, NOW, NOW)
        storage.streams.hold(event, WHY, NOW, NOW + HOUR)
        assert (the_event(storage).due_at, the_event(storage).touch) == (NOW + HOUR, 3)

    def test_holding_what_is_not_there_does_nothing(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(expires_at=NOW), NOW)
        storage.purge(NOW + 1)
        storage.streams.hold(event, WHY, NOW, NOW + HOUR)
        assert storage.streams.read(STREAM) is None

    def test_held_events_are_listed_the_longest_held_first(self, storage: Storage) -> None:
        for stream_id, since in {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1}.items():
            held(storage, stream_id, since)
        storage.streams.announce(an_announcement(stream_id="free"), NOW)
        assert [event.stream_id for event in storage.streams.held(10)] == ["c", "b", "a"]
        assert [event.stream_id for event in storage.streams.held(1)] == ["c"]

    def test_lifting_one_hold_makes_that_event_due(self, storage: Storage) -> None:
        held(storage, STREAM)
        other = held(storage, OTHER_STREAM)
        assert storage.streams.lift(STREAM) == 1
        event = the_event(storage)
        assert (event.held_reason, event.held_since, event.due_at) == (None, None, DUE_NOW)
        assert storage.streams.read(OTHER_STREAM) == other

    def test_all_holds_can_be_lifted_at_once(self, storage: Storage) -> None:
        held(storage, STREAM)
        held(storage, OTHER_STREAM)
        assert storage.streams.lift(None) == 2
        assert len(storage.streams.due(NOW + 5, 10)) == 2

    @pytest.mark.parametrize("stream_id", [STREAM, None])
    def test_lifting_leaves_what_is_not_held_at_rest(
        self, storage: Storage, stream_id: str | None
    ) -> None:
        announce_at(storage, {STREAM: NOW + HOUR})
        assert storage.streams.lift(stream_id) == 0
        assert the_event(storage).due_at == NOW + HOUR
