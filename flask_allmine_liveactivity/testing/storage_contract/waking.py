"""A stream is woken for who has come late: it is found by whoever delivers."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.model import NEVER, newly_due
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    the_event,
)


class Waking:
    def test_what_is_not_there_cannot_be_woken(self, storage: Storage) -> None:
        assert storage.streams.wake(STREAM, NOW + HOUR, NOW) is None
        assert storage.streams.read(STREAM) is None

    def test_an_event_that_rests_is_made_due(self, storage: Storage) -> None:
        before = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(before, NOW + HOUR)])
        woken = storage.streams.wake(STREAM, NOW, NOW + 5)
        assert woken == replace(before, touch=before.touch + 2, due_at=newly_due(NOW + 5))
        assert storage.streams.read(STREAM) == woken

    def test_an_event_that_is_awake_is_not_written(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.wake(STREAM, NOW, NOW + 5) == event
        assert storage.streams.read(STREAM) == event

    def test_an_event_whose_rest_is_over_by_some_clock_is_made_due_by_each(
        self, storage: Storage
    ) -> None:
        before = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(before, NOW + 5)])
        woken = storage.streams.wake(STREAM, NOW, NOW + 60)
        assert woken == replace(before, touch=before.touch + 2, due_at=newly_due(NOW + 60))

    def test_a_held_event_is_not_made_due_but_cannot_be_rested_unseen(
        self, storage: Storage
    ) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.rest([(event, NOW + 60)])
        resting = the_event(storage)
        storage.streams.hold(resting, "InvalidProviderToken", NOW, NOW + HOUR)
        woken = storage.streams.wake(STREAM, NOW, NOW)
        assert woken is not None
        assert (woken.due_at, woken.touch) == (NOW + HOUR, event.touch + 2)
        assert (woken.held_reason, woken.held_since) == ("InvalidProviderToken", NOW)
        assert storage.streams.rest([(resting, NEVER)]) == 0
        assert storage.streams.read(STREAM) == woken

    def test_an_event_lives_longer_than_the_session(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        woken = storage.streams.wake(STREAM, NOW + 30 * HOUR, NOW)
        assert woken is not None
        assert woken.expires_at > NOW + 30 * HOUR
        # The next ones need not write that again.
        assert storage.streams.wake(STREAM, NOW + 30 * HOUR + 60, NOW) == woken

    def test_who_comes_late_never_shortens_an_events_life(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(expires_at=NOW + 24 * HOUR), NOW)
        storage.streams.rest([(event, NOW + 60)])
        woken = storage.streams.wake(STREAM, NOW + HOUR, NOW)
        assert woken is not None
        assert woken.expires_at == NOW + 24 * HOUR

    def test_a_held_event_lives_longer_than_the_session_too(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        storage.streams.hold(event, "InvalidProviderToken", NOW, NOW + HOUR)
        storage.streams.wake(STREAM, NOW + 30 * HOUR, NOW)
        assert the_event(storage).expires_at > NOW + 30 * HOUR

    def test_what_was_reopened_has_nothing_to_wake_for(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(), NOW)
        reopened = storage.streams.reopen(STREAM, NOW)
        woken = storage.streams.wake(STREAM, NOW + 30 * HOUR, NOW)
        assert woken is not None
        assert replace(woken, expires_at=reopened.expires_at) == reopened
        # It is kept as long as its session, for the host is asked what it is.
        assert woken.expires_at > NOW + 30 * HOUR
        assert storage.streams.read(STREAM) == woken

    def test_other_streams_are_left_asleep(self, storage: Storage) -> None:
        event = storage.streams.announce(an_announcement(), NOW)
        other = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.streams.rest([(event, NOW + 60), (other, NOW + 60)])
        resting = the_event(storage, OTHER_STREAM)
        storage.streams.wake(STREAM, NOW + 30 * HOUR, NOW)
        assert storage.streams.read(OTHER_STREAM) == resting
