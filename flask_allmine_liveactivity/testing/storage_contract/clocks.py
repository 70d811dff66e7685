"""Several clocks: a push is never older than those before it, and what is due now is due by all."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    the_event,
)


class Clocks:
    def test_a_stamp_raises_the_timestamp_and_nothing_else(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.stamp([event], int(NOW) + 60) == {STREAM: int(NOW) + 60}
        assert the_event(storage) == replace(event, timestamp=int(NOW) + 60)

    def test_a_stamp_never_lowers_it(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.stamp([event], int(NOW) + 90)
        assert storage.streams.stamp([event], int(NOW) + 2) == {STREAM: int(NOW) + 90}
        assert the_event(storage).timestamp == int(NOW) + 90

    def test_a_stamp_of_another_revision_changes_nothing(self, storage: Storage) -> None:
        read = storage.streams.announce(an_announcement(), NOW)
        anew = storage.streams.announce(an_announcement(said="else"), NOW + 1)
        assert storage.streams.stamp([read], int(NOW) + 60) == {}
        assert the_event(storage) == anew

    def test_a_stamp_after_a_reopen_changes_nothing(self, storage: Storage) -> None:
        read = storage.streams.announce(an_announcement(), NOW)
        reopened = storage.streams.reopen(STREAM, NOW)
        assert storage.streams.stamp([read], int(NOW) + 60) == {}
        assert the_event(storage) == reopened

    def test_a_stamp_of_an_event_that_is_gone_makes_none(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(expires_at=NOW), NOW)
        storage.purge(NOW + HOUR)
        assert storage.streams.stamp([event], int(NOW) + 60) == {}
        assert storage.streams.read(STREAM) is None

    def test_a_stamp_counts_though_phones_have_come_late_meanwhile(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(event, NOW + 60)])
        storage.streams.wake(STREAM, NOW + HOUR, NOW)
        assert storage.streams.stamp([event], int(NOW) + 60) == {STREAM: int(NOW) + 60}
        assert the_event(storage).touch == event.touch + 2

    def test_a_new_revision_is_newer_than_what_was_stamped(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.stamp([event], int(NOW) + 90)
        anew = storage.streams.announce(an_announcement(said="else"), NOW + 2)
        assert anew.timestamp == int(NOW) + 91

    def test_a_stamp_leaves_other_streams_alone(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        other = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.streams.stamp([event], int(NOW) + 60)
        assert storage.streams.read(OTHER_STREAM) == other

    def test_events_of_several_revisions_are_stamped_together(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        second = storage.streams.announce(an_announcement(said="else"), NOW)
        first = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        at = int(NOW) + 60
        assert storage.streams.stamp([second, first], at) == {STREAM: at, OTHER_STREAM: at}

    # --- due now, whoever's clock wrote it -----------------------------------------------------

    def test_what_a_fast_clock_announces_is_due_by_a_slow_one(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW + 60)
        assert storage.streams.due(NOW, 10) == [event]

    def test_what_was_announced_last_is_the_first_that_is_due(self, storage: Storage) -> None:
        for number in range(5):
            storage.streams.announce(an_announcement(stream_id=f"{number:024x}"), NOW + number)
        assert [event.stream_id for event in storage.streams.due(NOW + 9, 2)] == [
            f"{4:024x}",
            f"{3:024x}",
        ]

    def test_who_has_just_come_late_is_before_those(self, storage: Storage) -> None:
        for number in range(5):
            storage.streams.announce(an_announcement(stream_id=f"{number:024x}"), NOW + number)
        storage.streams.rest([(the_event(storage, f"{0:024x}"), NOW + 60)])
        storage.streams.wake(f"{0:024x}", NOW, NOW + 6)
        assert storage.streams.due(NOW + 9, 1)[0].stream_id == f"{0:024x}"

    def test_what_only_a_newer_version_tells_is_not_due_here(self, storage: Storage) -> None:
        ours = storage.streams.announce(an_announcement(), NOW)
        newer = an_announcement(stream_id=OTHER_STREAM, event="later", said="else")
        storage.streams.announce(newer, NOW)
        assert storage.streams.due(NOW, 10) == [ours]

    def test_what_a_fast_clock_lifts_is_due_by_a_slow_one(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW + 60)
        storage.streams.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        storage.streams.lift(STREAM)
        assert [found.stream_id for found in storage.streams.due(NOW, 10)] == [STREAM]
