"""When an event is looked at: due events, the conditional rest, holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import NEVER, StreamEvent
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
        storage.rest(storage.announce(an_announcement(stream_id=stream_id), NOW), due_at)


def held(storage: Storage, stream_id: str = STREAM, since: float = NOW) -> StreamEvent:
    event = storage.announce(an_announcement(stream_id=stream_id), NOW)
    storage.hold(event, WHY, since, NOW + HOUR)
    return the_event(storage, stream_id)


class Resting:
    def test_nothing_is_due_where_nothing_was_said(self, storage: Storage) -> None:
        assert storage.due_events(NOW, 10) == []

    def test_the_longest_due_comes_first(self, storage: Storage) -> None:
        announce_at(storage, {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1})
        assert [event.stream_id for event in storage.due_events(NOW, 10)] == ["c", "b", "a"]

    def test_no_more_are_due_than_asked_for(self, storage: Storage) -> None:
        announce_at(storage, {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1})
        assert [event.stream_id for event in storage.due_events(NOW, 2)] == ["c", "b"]

    def test_an_event_is_due_at_its_very_second(self, storage: Storage) -> None:
        announce_at(storage, {"now": NOW, "soon": NOW + 0.001})
        assert [event.stream_id for event in storage.due_events(NOW, 10)] == ["now"]

    def test_a_due_event_comes_whole(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(content_state={"a.b": 1}), NOW)
        assert storage.due_events(NOW, 10) == [event]

    def test_a_held_event_is_due_when_its_hold_is_over(self, storage: Storage) -> None:
        held(storage)
        assert storage.due_events(NOW + HOUR - 1, 10) == []
        assert len(storage.due_events(NOW + HOUR, 10)) == 1

    # --- rest --------------------------------------------------------------------------------

    def test_an_event_rests_until_the_time_given(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        assert storage.rest(event, NOW + 60) is True
        assert storage.event(STREAM) == replace(event, due_at=NOW + 60)

    def test_an_event_can_rest_for_ever(self, storage: Storage) -> None:
        storage.rest(storage.announce(an_announcement(), NOW), NEVER)
        assert the_event(storage).due_at == NEVER

    def test_resting_twice_at_the_same_time_counts_twice(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        assert [storage.rest(event, NOW), storage.rest(event, NOW)] == [True, True]

    def test_an_event_that_was_touched_meanwhile_stays_due(self, storage: Storage) -> None:
        read = storage.announce(an_announcement(), NOW)
        touched = storage.touch(STREAM, NOW, NOW)
        assert storage.rest(read, NEVER) is False
        assert storage.event(STREAM) == touched

    def test_an_event_that_was_announced_anew_meanwhile_stays_due(self, storage: Storage) -> None:
        read = storage.announce(an_announcement(), NOW)
        anew = storage.announce(an_announcement(said="else"), NOW)
        assert storage.rest(read, NEVER) is False
        assert storage.event(STREAM) == anew

    def test_an_event_of_another_revision_but_the_same_touch_stays_due(
        self, storage: Storage
    ) -> None:
        now = storage.announce(an_announcement(), NOW)
        assert storage.rest(replace(now, revision=now.revision + 1), NEVER) is False

    def test_an_event_that_was_purged_meanwhile_cannot_rest(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(expires_at=NOW), NOW)
        storage.purge(NOW + 1)
        assert storage.rest(event, NEVER) is False
        assert storage.event(STREAM) is None

    def test_a_rest_lifts_the_hold(self, storage: Storage) -> None:
        event = held(storage)
        assert storage.rest(event, NOW + 60) is True
        after = the_event(storage)
        assert (after.held_reason, after.held_since, after.due_at) == (None, None, NOW + 60)

    def test_a_rest_leaves_other_streams_alone(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        other = storage.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.rest(event, NEVER)
        assert storage.event(OTHER_STREAM) == other

    # --- hold and lift -----------------------------------------------------------------------

    def test_a_held_event_says_why_since_when_and_until_when(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.hold(event, WHY, NOW + 1, NOW + 61)
        assert storage.event(STREAM) == replace(
            event, held_reason=WHY, held_since=NOW + 1, due_at=NOW + 61
        )

    def test_what_was_announced_anew_is_not_held_for_the_old(self, storage: Storage) -> None:
        old = storage.announce(an_announcement(), NOW)
        new = storage.announce(an_announcement(said="else"), NOW)
        storage.hold(old, WHY, NOW, NOW + HOUR)
        assert storage.event(STREAM) == new

    def test_what_was_reopened_is_not_held(self, storage: Storage) -> None:
        old = storage.announce(an_announcement(), NOW)
        reopened = storage.reopen(STREAM, NOW)
        storage.hold(old, WHY, NOW, NOW + HOUR)
        assert storage.event(STREAM) == reopened

    def test_a_late_registration_does_not_prevent_a_hold(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.touch(STREAM, NOW, NOW)
        storage.hold(event, WHY, NOW, NOW + HOUR)
        assert (the_event(storage).due_at, the_event(storage).touch) == (NOW + HOUR, 1)

    def test_holding_what_is_not_there_does_nothing(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(expires_at=NOW), NOW)
        storage.purge(NOW + 1)
        storage.hold(event, WHY, NOW, NOW + HOUR)
        assert storage.event(STREAM) is None

    def test_held_events_are_listed_the_longest_held_first(self, storage: Storage) -> None:
        for stream_id, since in {"b": NOW - 2, "c": NOW - 3, "a": NOW - 1}.items():
            held(storage, stream_id, since)
        storage.announce(an_announcement(stream_id="free"), NOW)
        assert [event.stream_id for event in storage.held_events(10)] == ["c", "b", "a"]
        assert [event.stream_id for event in storage.held_events(1)] == ["c"]

    def test_lifting_one_hold_makes_that_event_due(self, storage: Storage) -> None:
        held(storage, STREAM)
        other = held(storage, OTHER_STREAM)
        assert storage.lift(STREAM, NOW + 5) == 1
        event = the_event(storage)
        assert (event.held_reason, event.held_since, event.due_at) == (None, None, NOW + 5)
        assert storage.event(OTHER_STREAM) == other

    def test_all_holds_can_be_lifted_at_once(self, storage: Storage) -> None:
        held(storage, STREAM)
        held(storage, OTHER_STREAM)
        assert storage.lift(None, NOW + 5) == 2
        assert len(storage.due_events(NOW + 5, 10)) == 2

    @pytest.mark.parametrize("stream_id", [STREAM, None])
    def test_lifting_leaves_what_is_not_held_at_rest(
        self, storage: Storage, stream_id: str | None
    ) -> None:
        announce_at(storage, {STREAM: NOW + HOUR})
        assert storage.lift(stream_id, NOW) == 0
        assert the_event(storage).due_at == NOW + HOUR
