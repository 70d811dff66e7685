"""Streams.take_questions: whose host is to be asked, each by one worker, and when again."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.model import NEVER, StreamEvent, StreamState
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    an_announcement,
    an_update,
    keep,
    the_event,
)

COUNTDOWN = {
    "starts_at": NOW + HOUR,
    "content_state": {"title": "Grüße ☃", "$set": {"a.b": [1, 1.5, True, None]}},
    "attributes": {"streamId": STREAM},
    "alert": None,
    "shown_before": 900.0,
    "expires_after": None,
}


def asked_about(storage: Storage, *stream_ids: str, at: float = NOW) -> list[StreamEvent]:
    """Streams of which somebody has registered, with a question at this time."""
    rows = [storage.streams.wake(each, NOW + HOUR, NOW, ask_at=at) for each in stream_ids]
    return [row for row in rows if row is not None]


class Asking:
    def test_a_first_registration_makes_a_row_of_which_the_host_is_asked(
        self, storage: Storage
    ) -> None:
        (row,) = asked_about(storage, STREAM, at=NOW + 60)
        assert (row.revision, row.event, row.check_at) == (0, None, NOW + 60)
        assert row.due_at == NEVER
        assert row.expires_at > NOW + HOUR
        assert the_event(storage) == row

    def test_the_next_ones_write_nothing(self, storage: Storage) -> None:
        (row,) = asked_about(storage, STREAM, at=NOW + 60)
        assert storage.streams.wake(STREAM, NOW + HOUR + 9, NOW + 9, ask_at=NOW + 69) == row
        assert the_event(storage) == row

    def test_without_a_question_no_row_is_made(self, storage: Storage) -> None:
        assert storage.streams.wake(STREAM, NOW + HOUR, NOW) is None
        assert storage.streams.read(STREAM) is None

    def test_what_is_due_is_taken_and_put_off(self, storage: Storage) -> None:
        asked_about(storage, STREAM)
        (taken,) = storage.streams.take_questions(NOW, 500, NOW + 60)
        assert taken.check_at == NOW + 60
        assert the_event(storage) == taken
        assert storage.streams.take_questions(NOW + 59, 500, NOW + 119) == []
        assert storage.streams.take_questions(NOW + 60, 500, NOW + 120) == [
            replace(taken, check_at=NOW + 120)
        ]

    def test_what_is_not_due_is_left_alone(self, storage: Storage) -> None:
        asked_about(storage, STREAM, at=NOW + 1)
        before = the_event(storage)
        assert storage.streams.take_questions(NOW, 500, NOW + 60) == []
        assert the_event(storage) == before

    def test_no_question_changes_when_a_stream_is_told(self, storage: Storage) -> None:
        asked_about(storage, STREAM)
        update = storage.streams.announce(an_update(), NOW)
        storage.streams.take_questions(NOW, 500, NOW + 60)
        assert the_event(storage) == replace(update, check_at=NOW + 60)

    def test_no_more_are_taken_than_asked_for_the_longest_due_first(self, storage: Storage) -> None:
        for number in range(5):
            asked_about(storage, f"{number:024x}", at=NOW - number)
        first = storage.streams.take_questions(NOW, 2, NOW + 60)
        assert {row.stream_id for row in first} == {f"{number:024x}" for number in (3, 4)}
        assert len(storage.streams.take_questions(NOW, 500, NOW + 60)) == 3

    def test_many_are_taken_at_once(self, storage: Storage) -> None:
        asked_about(storage, *(f"{number:024x}" for number in range(450)))
        assert len(storage.streams.take_questions(NOW, 500, NOW + 60)) == 450
        assert storage.streams.take_questions(NOW, 500, NOW + 60) == []

    def test_of_what_has_ended_nobody_is_asked(self, storage: Storage) -> None:
        asked_about(storage, STREAM)
        storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.take_questions(NOW + HOUR, 500, NOW + 2 * HOUR) == []

    def test_of_what_was_reopened_the_host_is_asked_again(self, storage: Storage) -> None:
        asked_about(storage, STREAM)
        storage.streams.announce(an_announcement(), NOW)
        reopened = storage.streams.reopen(STREAM, NOW, ask_at=NOW + 60, kept_until=NOW + 2 * HOUR)
        assert (reopened.check_at, reopened.event) == (NOW + 60, None)
        assert reopened.expires_at >= NOW + 2 * HOUR
        assert len(storage.streams.take_questions(NOW + 60, 500, NOW + 120)) == 1

    def test_a_reopen_shows_also_where_nothing_had_ended(self, storage: Storage) -> None:
        asked_about(storage, STREAM, OTHER_STREAM, at=NOW + 60)
        storage.streams.announce(an_update(), NOW)
        for stream_id in (STREAM, OTHER_STREAM):
            before = the_event(storage, stream_id)
            after = storage.streams.reopen(stream_id, NOW, ask_at=NOW + 60)
            assert (after.revision, after.check_at) != (before.revision, before.check_at)
            assert after.event == before.event

    def test_what_the_host_has_said_is_kept_to_the_letter(self, storage: Storage) -> None:
        asked_about(storage, STREAM)
        said = replace(
            the_event(storage),
            countdown=COUNTDOWN,
            countdown_expires_at=NOW + HOUR,
            found_state=StreamState.CANCELLED,
            found_at=NOW + 0.125,
            silent_since=NOW + 0.25,
            told_at=NOW + 0.5,
        )
        storage.streams.write(STREAM, lambda _: said)
        assert the_event(storage) == said
        (taken,) = storage.streams.take_questions(NOW, 500, NOW + 60)
        assert taken == replace(said, check_at=NOW + 60)

    # --- adopt -------------------------------------------------------------------------------

    def test_nothing_is_adopted_that_is_asked_about(self, storage: Storage) -> None:
        keep(storage)
        asked_about(storage, STREAM, at=NOW + 60)
        before = the_event(storage)
        assert storage.streams.adopt(NOW) == 0
        assert the_event(storage) == before

    # --- when the first is due ---------------------------------------------------------------

    def test_the_first_due_is_seen_without_looking_at_all(self, storage: Storage) -> None:
        assert storage.streams.first_due() in (None, NEVER)
        one = storage.streams.announce(an_announcement(), NOW)
        other = storage.streams.announce(an_announcement(stream_id=OTHER_STREAM), NOW)
        storage.streams.rest([(one, NOW + 60), (other, NOW + 30)])
        assert storage.streams.first_due() == NOW + 30

    def test_what_only_a_newer_version_tells_is_not_due_here(self, storage: Storage) -> None:
        storage.streams.announce(an_announcement(event="of-tomorrow"), NOW)
        assert storage.streams.first_due() is None
