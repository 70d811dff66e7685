"""What a stream's Live Activities must be told: announce, touch, reopen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import NEVER, StreamEvent, StreamState
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    keep,
    take,
    the_event,
)

ODD_CONTENT = [
    {},
    {"$set": {"$where": 1}, "a.b": {"c.d": None}, "": ""},
    {"größe": "🚲 \u0000 \u2028 e\u0301", "日本": ["語"]},
    {"big": 2**80, "small": -(2**63), "real": 0.1, "far": 1e300},
    {"nested": [[{"list": [True, False, None]}]]},
    {"_id": 1, "stream_id": "x", "event": "y"},
]


class Announcing:
    def test_a_stream_of_which_nothing_was_said_has_no_event(self, storage: Storage) -> None:
        assert storage.event(STREAM) is None

    def test_a_first_announcement_is_due_at_once(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(dismissal_date=int(NOW) + 60), NOW + 0.5)
        assert event == StreamEvent(
            stream_id=STREAM,
            revision=1,
            event="end",
            state=StreamState.STARTED,
            content_state=None,
            alert=None,
            dismissal_date=int(NOW) + 60,
            timestamp=int(NOW),
            expires_at=NOW + 24 * HOUR,
            said="started",
            due_at=NOW + 0.5,
            touch=0,
        )

    def test_what_was_announced_can_be_read(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        assert storage.event(STREAM) == event

    @pytest.mark.parametrize("state", list(StreamState))
    def test_each_state_comes_back_as_it_is(self, storage: Storage, state: StreamState) -> None:
        storage.announce(an_announcement(state=state), NOW)
        assert the_event(storage).state is state

    @pytest.mark.parametrize("content", ODD_CONTENT)
    def test_content_comes_back_as_it_was_said(
        self, storage: Storage, content: dict[str, object]
    ) -> None:
        storage.announce(an_announcement(content_state=content, alert=content), NOW)
        event = the_event(storage)
        assert (event.content_state, event.alert) == (content, content)

    def test_a_caller_who_changes_his_content_afterwards_changes_nothing(
        self, storage: Storage
    ) -> None:
        content = {"riders": ["ada"]}
        storage.announce(an_announcement(content_state=content), NOW)
        content["riders"].append("eve")
        assert the_event(storage).content_state == {"riders": ["ada"]}

    def test_another_state_has_a_higher_revision(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        event = storage.announce(
            an_announcement(state=StreamState.CANCELLED, said="cancelled"), NOW + 60
        )
        assert (event.revision, event.state, event.timestamp) == (
            2,
            StreamState.CANCELLED,
            int(NOW) + 60,
        )
        assert storage.event(STREAM) == event

    def test_timestamps_rise_within_one_second(self, storage: Storage) -> None:
        stamps = [
            storage.announce(an_announcement(said=str(number)), NOW).timestamp
            for number in range(4)
        ]
        assert stamps == [int(NOW) + number for number in range(4)]

    def test_timestamps_rise_though_a_clock_goes_back(self, storage: Storage) -> None:
        first = storage.announce(an_announcement(), NOW)
        second = storage.announce(an_announcement(said="else"), NOW - 90)
        assert second.timestamp == first.timestamp + 1

    def test_the_same_said_twice_keeps_revision_timestamp_and_dismissal(
        self, storage: Storage
    ) -> None:
        first = storage.announce(an_announcement(dismissal_date=5), NOW)
        second = storage.announce(an_announcement(dismissal_date=65), NOW + 60)
        kept = (second.revision, second.timestamp, second.dismissal_date)
        assert kept == (first.revision, first.timestamp, 5)

    def test_the_same_said_twice_is_due_again(self, storage: Storage) -> None:
        storage.rest(storage.announce(an_announcement(), NOW), NOW + HOUR)
        storage.announce(an_announcement(), NOW + 60)
        assert the_event(storage).due_at == NOW + 60

    def test_the_same_said_twice_cannot_be_rested_by_who_read_the_first(
        self, storage: Storage
    ) -> None:
        first = storage.announce(an_announcement(), NOW)
        storage.announce(an_announcement(), NOW + 60)
        assert not storage.rest(first, NEVER)

    def test_the_same_said_twice_tells_nobody_twice(self, storage: Storage) -> None:
        keep(storage, delivered=1)
        storage.announce(an_announcement(), NOW)
        event = storage.announce(an_announcement(), NOW + 60)
        assert take(storage, revision=event.revision, now=NOW + 60) == []

    @pytest.mark.parametrize("said", ["started", "else"])
    def test_an_announcement_lifts_a_hold(self, storage: Storage, said: str) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        again = storage.announce(an_announcement(said=said), NOW + 1)
        assert (again.held_reason, again.held_since, again.due_at) == (None, None, NOW + 1)
        assert storage.event(STREAM) == again

    def test_an_event_never_expires_sooner_than_it_was_to(self, storage: Storage) -> None:
        storage.announce(an_announcement(expires_at=NOW + 9 * HOUR), NOW)
        storage.announce(an_announcement(said="else", expires_at=NOW + HOUR), NOW)
        assert the_event(storage).expires_at == NOW + 9 * HOUR

    @pytest.mark.parametrize("revision", [0, 5], ids=["none", "one that has been purged"])
    def test_an_announcement_at_a_revision_is_written_where_there_is_no_event(
        self, storage: Storage, revision: int
    ) -> None:
        event = storage.announce(an_announcement(), NOW, only_at=revision)
        assert (event.revision, event.event) == (1, "end")
        assert storage.event(STREAM) == event

    @pytest.mark.parametrize("revision", [0, 2], ids=["none", "another"])
    def test_an_announcement_at_a_revision_leaves_what_stands_at_another(
        self, storage: Storage, revision: int
    ) -> None:
        first = storage.announce(an_announcement(), NOW)
        other = an_announcement(state=StreamState.CANCELLED, said="cancelled")
        assert storage.announce(other, NOW + 60, only_at=revision) == first
        assert storage.event(STREAM) == first

    def test_an_announcement_at_a_revision_is_written_where_it_is_still_the_one(
        self, storage: Storage
    ) -> None:
        storage.announce(an_announcement(), NOW)
        reopened = storage.reopen(STREAM, NOW)
        event = storage.announce(an_announcement(), NOW + 60, only_at=reopened.revision)
        assert (event.revision, event.event) == (3, "end")
        assert storage.event(STREAM) == event

    def test_an_announcement_of_who_saw_no_event_comes_too_late_after_a_reopen(
        self, storage: Storage
    ) -> None:
        reopened = storage.reopen(STREAM, NOW)
        assert storage.announce(an_announcement(), NOW, only_at=0) == reopened
        assert storage.event(STREAM) == reopened

    def test_streams_are_announced_apart(self, storage: Storage) -> None:
        first = storage.announce(an_announcement(), NOW)
        second = storage.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        assert (storage.event(STREAM), storage.event(OTHER_STREAM)) == (first, second)

    # --- touch -------------------------------------------------------------------------------

    def test_a_touch_of_what_is_not_there_finds_nothing(self, storage: Storage) -> None:
        assert storage.touch(STREAM, NOW + HOUR, NOW) is None
        assert storage.event(STREAM) is None

    def test_a_touch_makes_an_event_due(self, storage: Storage) -> None:
        before = storage.announce(an_announcement(), NOW)
        storage.rest(before, NOW + HOUR)
        touched = storage.touch(STREAM, NOW, NOW + 5)
        assert touched == replace(before, touch=before.touch + 1, due_at=NOW + 5)
        assert storage.event(STREAM) == touched

    def test_each_touch_counts(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        touches = [storage.touch(STREAM, NOW, NOW) for _ in range(3)]
        assert [event.touch for event in touches if event] == [1, 2, 3]

    def test_a_touch_does_not_make_a_held_event_due(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        touched = storage.touch(STREAM, NOW, NOW + 5)
        assert touched is not None
        assert (touched.due_at, touched.touch) == (NOW + HOUR, 1)
        assert (touched.held_reason, touched.held_since) == ("InvalidProviderToken", NOW)

    def test_a_touch_makes_an_event_live_as_long_as_the_session(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        touched = storage.touch(STREAM, NOW + 30 * HOUR, NOW)
        assert touched is not None
        assert touched.expires_at == NOW + 30 * HOUR

    def test_a_touch_never_shortens_an_events_life(self, storage: Storage) -> None:
        storage.announce(an_announcement(expires_at=NOW + 24 * HOUR), NOW)
        touched = storage.touch(STREAM, NOW + HOUR, NOW)
        assert touched is not None
        assert touched.expires_at == NOW + 24 * HOUR

    def test_a_held_event_lives_as_long_as_the_session_too(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        storage.touch(STREAM, NOW + 30 * HOUR, NOW)
        assert the_event(storage).expires_at == NOW + 30 * HOUR

    def test_a_touch_after_a_reopen_finds_nothing_to_tell(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        reopened = storage.reopen(STREAM, NOW)
        assert storage.touch(STREAM, NOW + 30 * HOUR, NOW) is None
        assert storage.event(STREAM) == reopened

    def test_a_touch_leaves_other_streams_alone(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        other = storage.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.touch(STREAM, NOW + 30 * HOUR, NOW + 5)
        assert storage.event(OTHER_STREAM) == other

    # --- reopen ------------------------------------------------------------------------------

    def test_a_reopened_stream_has_nothing_to_tell(self, storage: Storage) -> None:
        before = storage.announce(
            an_announcement(content_state={"a": 1}, alert={"b": 2}, dismissal_date=3), NOW
        )
        reopened = storage.reopen(STREAM, NOW + 60)
        assert reopened == replace(
            before,
            revision=before.revision + 1,
            touch=before.touch + 1,
            event=None,
            state=None,
            content_state=None,
            alert=None,
            dismissal_date=None,
            said="",
            due_at=NEVER,
        )
        assert storage.event(STREAM) == reopened

    def test_a_reopened_stream_is_never_due(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        storage.reopen(STREAM, NOW)
        assert storage.due_events(NOW + 365 * 24 * HOUR, 10) == []

    def test_a_reopen_lifts_a_hold(self, storage: Storage) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        storage.reopen(STREAM, NOW)
        assert storage.held_events(10) == []

    def test_a_worker_that_read_the_end_cannot_rest_what_was_reopened(
        self, storage: Storage
    ) -> None:
        event = storage.announce(an_announcement(), NOW)
        storage.reopen(STREAM, NOW)
        assert not storage.rest(event, NOW)

    def test_the_same_end_after_a_reopen_is_a_new_one(self, storage: Storage) -> None:
        first = storage.announce(an_announcement(), NOW)
        storage.reopen(STREAM, NOW)
        second = storage.announce(an_announcement(), NOW)
        assert (second.revision, second.timestamp) == (first.revision + 2, first.timestamp + 1)

    def test_a_reopen_of_what_was_never_announced_leaves_a_revision(self, storage: Storage) -> None:
        reopened = storage.reopen(STREAM, NOW)
        assert reopened == StreamEvent(
            stream_id=STREAM,
            revision=1,
            event=None,
            state=None,
            content_state=None,
            alert=None,
            dismissal_date=None,
            timestamp=0,
            expires_at=NOW,
            said="",
            due_at=NEVER,
            touch=0,
        )
        assert storage.event(STREAM) == reopened
        assert storage.reopen(STREAM, NOW).revision == 2

    def test_an_end_after_such_a_reopen_is_an_end_like_any(self, storage: Storage) -> None:
        storage.reopen(STREAM, NOW)
        event = storage.announce(an_announcement(), NOW)
        assert (event.revision, event.event, event.timestamp) == (2, "end", int(NOW))
        assert storage.due_events(NOW, 10) == [event]
