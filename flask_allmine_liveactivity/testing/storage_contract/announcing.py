"""What a stream's Live Activities must be told: announce, write, reopen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import NEVER, StreamEvent, StreamState, newly_due
from flask_allmine_liveactivity.model.host_answers import to_announce_as_read
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


def announce_as_read(storage: Storage, read: StreamEvent | None) -> StreamEvent | None:
    """As whoever learns of an end after he has read the row."""
    end = an_announcement(state=StreamState.CANCELLED, said="cancelled")
    return storage.streams.write(STREAM, to_announce_as_read(read, end, NOW + 60))


class Announcing:
    def test_a_stream_of_which_nothing_was_said_has_no_event(self, storage: Storage) -> None:
        assert storage.streams.read(STREAM) is None

    def test_a_first_announcement_is_due_at_once(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(dismissal_date=int(NOW) + 60), NOW + 0.5)
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
            due_at=newly_due(NOW + 0.5),
            touch=1,
            announced_at=NOW + 0.5,
        )

    def test_what_was_announced_can_be_read(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.read(STREAM) == event

    @pytest.mark.parametrize("state", list(StreamState))
    def test_each_state_comes_back_as_it_is(self, storage: Storage, state: StreamState) -> None:
        storage.streams.announce(an_announcement(state=state), NOW)
        assert the_event(storage).state is state

    @pytest.mark.parametrize("content", ODD_CONTENT)
    def test_content_comes_back_as_it_was_said(
        self, storage: Storage, content: dict[str, object]
    ) -> None:
        storage.streams.announce(an_announcement(content_state=content, alert=content), NOW)
        event = the_event(storage)
        assert (event.content_state, event.alert) == (content, content)

    def test_a_caller_who_changes_his_content_afterwards_changes_nothing(
        self, storage: Storage
    ) -> None:
        content = {"riders": ["ada"]}
        storage.streams.announce(an_announcement(content_state=content), NOW)
        content["riders"].append("eve")
        assert the_event(storage).content_state == {"riders": ["ada"]}

    def test_another_state_has_a_higher_revision(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        event = storage.streams.announce(
            an_announcement(state=StreamState.CANCELLED, said="cancelled"), NOW + 60
        )
        assert (event.revision, event.state, event.timestamp) == (
            2,
            StreamState.CANCELLED,
            int(NOW) + 60,
        )
        assert storage.streams.read(STREAM) == event

    def test_timestamps_rise_within_one_second(self, storage: Storage) -> None:
        stamps = [
            storage.streams.announce(an_announcement(said=str(number)), NOW).timestamp
            for number in range(4)
        ]
        assert stamps == [int(NOW) + number for number in range(4)]

    def test_timestamps_rise_though_a_clock_goes_back(self, storage: Storage) -> None:
        first = storage.streams.announce(an_announcement(), NOW)
        second = storage.streams.announce(an_announcement(said="else"), NOW - 90)
        assert second.timestamp == first.timestamp + 1

    def test_the_same_said_twice_keeps_revision_timestamp_and_dismissal(
        self, storage: Storage
    ) -> None:
        first = storage.streams.announce(an_announcement(dismissal_date=5), NOW)
        second = storage.streams.announce(an_announcement(dismissal_date=65), NOW + 60)
        kept = (second.revision, second.timestamp, second.dismissal_date)
        assert kept == (first.revision, first.timestamp, 5)

    def test_the_same_said_twice_is_due_again(self, storage: Storage) -> None:
        storage.streams.rest([(storage.streams.announce(an_announcement(), NOW), NOW + HOUR)])
        storage.streams.announce(an_announcement(), NOW + 60)
        assert the_event(storage).due_at == newly_due(NOW + 60)

    def test_the_same_said_twice_cannot_be_rested_by_who_read_the_first(
        self, storage: Storage
    ) -> None:
        first = storage.streams.announce(an_announcement(), NOW)
        storage.streams.announce(an_announcement(), NOW + 60)
        assert not storage.streams.rest([(first, NEVER)])

    def test_the_same_said_twice_tells_nobody_twice(self, storage: Storage) -> None:
        keep(storage, delivered=1)
        storage.streams.announce(an_announcement(), NOW)
        event = storage.streams.announce(an_announcement(), NOW + 60)
        assert take(storage, revision=event.revision, now=NOW + 60) == []

    @pytest.mark.parametrize("said", ["started", "else"])
    def test_an_announcement_lifts_a_hold(self, storage: Storage, said: str) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        again = storage.streams.announce(an_announcement(said=said), NOW + 1)
        assert (again.held_reason, again.held_since, again.due_at) == (
            None,
            None,
            newly_due(NOW + 1),
        )
        assert storage.streams.read(STREAM) == again

    def test_an_event_never_expires_sooner_than_it_was_to(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(expires_at=NOW + 9 * HOUR), NOW)
        storage.streams.announce(an_announcement(said="else", expires_at=NOW + HOUR), NOW)
        assert the_event(storage).expires_at == NOW + 9 * HOUR

    # --- only as it was read -----------------------------------------------------------------

    def test_an_end_of_who_has_read_no_row_is_written_where_there_is_none(
        self, storage: Storage
    ) -> None:
        event = announce_as_read(storage, None)
        assert event is not None
        assert (event.revision, event.event) == (1, "end")
        assert storage.streams.read(STREAM) == event

    def test_an_end_of_who_has_read_no_row_leaves_what_stands(self, storage: Storage) -> None:
        first = storage.streams.announce(an_announcement(), NOW)
        assert announce_as_read(storage, None) == first
        assert storage.streams.read(STREAM) == first

    def test_an_end_is_written_where_the_row_is_still_as_it_was_read(
        self, storage: Storage
    ) -> None:
        storage.streams.announce(an_announcement(), NOW)
        reopened = storage.streams.reopen(STREAM, NOW)
        event = announce_as_read(storage, reopened)
        assert event is not None
        assert (event.revision, event.event) == (3, "end")
        assert storage.streams.read(STREAM) == event

    def test_an_end_comes_too_late_after_a_reopen(self, storage: Storage) -> None:
        reopened = storage.streams.reopen(STREAM, NOW)
        assert announce_as_read(storage, None) == reopened
        assert storage.streams.read(STREAM) == reopened

    def test_streams_are_announced_apart(self, storage: Storage) -> None:
        first = storage.streams.announce(an_announcement(), NOW)
        second = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        assert (storage.streams.read(STREAM), storage.streams.read(OTHER_STREAM)) == (first, second)

    # --- write -------------------------------------------------------------------------------

    def test_a_row_becomes_what_is_decided_of_it(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(content_state={"a": 1}), NOW)
        decided = replace(event, state=StreamState.EXPIRED, alert={"b.c": 2}, touch=5)
        seen: list[StreamEvent | None] = []

        def decide(current: StreamEvent | None) -> StreamEvent:
            seen.append(current)
            return decided

        assert storage.streams.write(STREAM, decide) == decided
        assert seen == [event]
        assert storage.streams.read(STREAM) == decided

    def test_a_row_stays_where_nothing_else_is_decided(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.write(STREAM, lambda current: current) == event
        assert storage.streams.write(STREAM, lambda _: None) == event
        assert storage.streams.read(STREAM) == event

    def test_no_row_is_made_where_none_is_decided(self, storage: Storage) -> None:
        assert storage.streams.write(STREAM, lambda current: current) is None
        assert storage.streams.read(STREAM) is None

    def test_a_decision_that_fails_writes_nothing(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)

        def fail(current: StreamEvent | None) -> StreamEvent:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            storage.streams.write(STREAM, fail)
        assert storage.streams.read(STREAM) == event
        assert storage.streams.announce(an_announcement(said="else"), NOW).revision == 2

    # --- reopen ------------------------------------------------------------------------------

    def test_a_reopened_stream_has_nothing_to_tell(self, storage: Storage) -> None:
        before = storage.streams.announce(
            an_announcement(content_state={"a": 1}, alert={"b": 2}, dismissal_date=3), NOW
        )
        reopened = storage.streams.reopen(STREAM, NOW + 60)
        assert reopened == replace(
            before,
            revision=before.revision + 1,
            touch=before.touch + 2,
            event=None,
            state=None,
            content_state=None,
            alert=None,
            dismissal_date=None,
            said="",
            due_at=NEVER,
            announced_at=None,
        )
        assert storage.streams.read(STREAM) == reopened

    def test_a_reopened_stream_is_never_due(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        storage.streams.reopen(STREAM, NOW)
        assert storage.streams.due(NOW + 365 * 24 * HOUR, 10) == []

    def test_a_reopen_lifts_a_hold(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        storage.streams.reopen(STREAM, NOW)
        assert storage.streams.held(10) == []

    def test_a_worker_that_read_the_end_cannot_rest_what_was_reopened(
        self, storage: Storage
    ) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.reopen(STREAM, NOW)
        assert not storage.streams.rest([(event, NOW)])

    def test_the_same_end_after_a_reopen_is_a_new_one(self, storage: Storage) -> None:
        first = storage.streams.announce(an_announcement(), NOW)
        storage.streams.reopen(STREAM, NOW)
        second = storage.streams.announce(an_announcement(), NOW)
        assert (second.revision, second.timestamp) == (first.revision + 2, first.timestamp + 1)

    def test_a_reopen_of_what_was_never_announced_leaves_a_revision(self, storage: Storage) -> None:
        reopened = storage.streams.reopen(STREAM, NOW)
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
        assert storage.streams.read(STREAM) == reopened
        assert storage.streams.reopen(STREAM, NOW).revision == 2

    def test_an_end_after_such_a_reopen_is_an_end_like_any(self, storage: Storage) -> None:
        storage.streams.reopen(STREAM, NOW)
        event = storage.streams.announce(an_announcement(), NOW)
        assert (event.revision, event.event, event.timestamp) == (2, "end", int(NOW))
        assert storage.streams.due(NOW, 10) == [event]
