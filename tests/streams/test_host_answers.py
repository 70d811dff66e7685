"""What an answer of the host makes of a stream's row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity import StreamState
from flask_allmine_liveactivity.model.host_answers import (
    LONGEST_SILENCE,
    SILENCE,
    Over,
    has_moved,
    is_as_read,
    is_news,
    is_over,
    noted,
    to_announce_as_read,
    to_apply,
)
from flask_allmine_liveactivity.model.stream_writes import to_reopen
from streams.saying import INTERVAL, NOW, STREAM, a_row, asked, countdown, end, update

CANCELLED = StreamState.CANCELLED
FOUND = Over(CANCELLED, "found")
EXPIRED = Over(StreamState.EXPIRED, "expired")


# --- an end that is found ---------------------------------------------------------------------


def test_a_state_that_is_found_does_not_count_at_first() -> None:
    assert is_over(a_row(), CANCELLED, asked()) is None


def test_it_counts_the_second_time_in_a_row() -> None:
    once = noted(a_row(), STREAM, StreamState.READY, asked())
    assert is_over(once, CANCELLED, asked(NOW + INTERVAL)) == FOUND


def test_two_answers_at_the_same_time_are_one() -> None:
    once = noted(a_row(), STREAM, CANCELLED, asked())
    assert is_over(once, CANCELLED, asked(NOW + 1)) is None


@pytest.mark.parametrize("answer", [countdown(), None])
def test_another_answer_in_between_begins_anew(answer: object) -> None:
    once = noted(a_row(), STREAM, CANCELLED, asked())
    reset = noted(once, STREAM, answer, asked(NOW + INTERVAL))  # type: ignore[arg-type]
    assert is_over(reset, CANCELLED, asked(NOW + 2 * INTERVAL)) is None


def test_no_answer_in_between_neither_counts_nor_begins_anew() -> None:
    once = noted(a_row(), STREAM, CANCELLED, asked())
    silent = noted(once, STREAM, SILENCE, asked(NOW + INTERVAL))
    assert is_over(silent, SILENCE, asked(NOW + INTERVAL)) is None
    assert is_over(silent, CANCELLED, asked(NOW + 2 * INTERVAL)) == FOUND


def test_said_by_stream_changed_a_state_counts_at_once() -> None:
    assert is_over(a_row(), CANCELLED, asked(at_once=True)) == Over(CANCELLED, "said")


def test_where_an_end_stands_no_other_is_found() -> None:
    assert is_over(a_row(end()), CANCELLED, asked(at_once=True)) is None


# --- expiry -----------------------------------------------------------------------------------

EXPIRING = countdown(starts_at=NOW, expires_after=0)
KNOWN = noted(a_row(), STREAM, EXPIRING, asked(NOW - 10, at_once=True))


def test_the_next_question_is_at_the_expiry_where_that_is_sooner() -> None:
    assert KNOWN is not None
    assert KNOWN.check_at == NOW


def test_of_a_countdown_that_a_check_has_found_it_is_an_interval_later_all_the_same() -> None:
    """It may be one from before a move: by the next question a replica has caught up."""
    found = noted(a_row(), STREAM, EXPIRING, asked(NOW - 10))
    assert found is not None
    assert found.check_at == NOW - 10 + INTERVAL
    again = noted(found, STREAM, EXPIRING, asked(NOW - 5))
    assert again is not None
    assert again.check_at == NOW


def test_a_countdown_expires() -> None:
    assert is_over(KNOWN, EXPIRING, asked()) == EXPIRED


def test_it_has_not_expired_before() -> None:
    assert is_over(KNOWN, EXPIRING, asked(NOW - 1)) is None


def test_a_state_at_the_expiry_counts_at_once() -> None:
    assert is_over(KNOWN, CANCELLED, asked()) == FOUND


def test_none_cancels_the_expiry() -> None:
    assert is_over(KNOWN, None, asked()) is None
    row = noted(KNOWN, STREAM, None, asked())
    assert row is not None
    assert (row.countdown, row.countdown_expires_at) == (None, None)


def test_a_later_time_moves_it() -> None:
    later = countdown(starts_at=NOW + 60, expires_after=30)
    assert is_over(KNOWN, later, asked()) is None
    row = noted(KNOWN, STREAM, later, asked())
    assert row is not None
    assert row.countdown_expires_at == NOW + 90


def test_an_expired_countdown_that_was_not_known_does_not_count_at_first() -> None:
    """A replica that lags behind a move answers what stood before it."""
    moved = noted(KNOWN, STREAM, countdown(expires_after=0), asked(at_once=True))
    assert is_over(moved, EXPIRING, asked(NOW + 1)) is None
    once = noted(moved, STREAM, EXPIRING, asked(NOW + 1))
    assert once is not None
    assert once.check_at == NOW + 1 + INTERVAL
    assert is_over(once, EXPIRING, asked(NOW + 1 + INTERVAL)) == EXPIRED


def test_said_by_stream_changed_it_counts_at_once() -> None:
    assert is_over(a_row(), EXPIRING, asked(at_once=True)) == EXPIRED


def test_silence_of_five_minutes_lets_it_expire() -> None:
    silent = noted(KNOWN, STREAM, SILENCE, asked())
    assert is_over(silent, SILENCE, asked(NOW + LONGEST_SILENCE - 1)) is None
    assert is_over(silent, SILENCE, asked(NOW + LONGEST_SILENCE)) == EXPIRED


def test_silence_is_counted_from_its_beginning() -> None:
    silent = noted(KNOWN, STREAM, SILENCE, asked())
    again = noted(silent, STREAM, SILENCE, asked(NOW + INTERVAL))
    assert again is not None
    assert again.silent_since == NOW


def test_silence_before_the_expiry_is_none() -> None:
    silent = noted(KNOWN, STREAM, SILENCE, asked(NOW - 1))
    assert silent is not None
    assert silent.silent_since is None


def test_silence_alone_ends_nothing_that_does_not_expire() -> None:
    forever = noted(a_row(), STREAM, countdown(), asked())
    assert is_over(forever, SILENCE, asked(NOW + 10 * LONGEST_SILENCE)) is None


# --- updates ----------------------------------------------------------------------------------


def test_the_first_countdown_is_news() -> None:
    assert is_news(a_row(), update())


def test_the_same_again_is_no_news() -> None:
    assert not is_news(a_row(update()), update())


def test_another_content_is_news() -> None:
    assert is_news(a_row(update()), update("Saturday"))


def test_the_same_said_aloud_is_news_once() -> None:
    aloud = update(alert={"title": "Soon", "body": "Be there"})
    assert is_news(a_row(update()), aloud)
    assert not is_news(a_row(aloud), aloud)


def test_what_was_said_aloud_is_not_said_again_without_a_sound() -> None:
    assert not is_news(a_row(update(alert={"title": "Soon", "body": "Be there"})), update())


def test_where_an_end_stands_nothing_is_news() -> None:
    assert not is_news(a_row(end()), update())


def test_an_update_is_urgent_where_the_stream_has_moved_or_it_is_said_aloud() -> None:
    alert = {"title": "Soon", "body": "Be there"}
    assert [each.priority for each in (update(), update(moved=True), update(alert=alert))] == [
        5,
        10,
        10,
    ]


def test_a_stream_has_moved_where_it_began_at_another_time_before() -> None:
    known = noted(a_row(), STREAM, countdown(), asked())
    assert has_moved(known, countdown(starts_at=NOW + 901))
    assert not has_moved(known, countdown("Saturday"))
    assert not has_moved(a_row(), countdown())


def test_none_after_a_countdown_leaves_the_update() -> None:
    row = noted(a_row(update()), STREAM, None, asked())
    assert row is not None
    assert (row.event, row.revision) == ("update", 1)


# --- only where nobody has decided anything meanwhile -----------------------------------------

READ = noted(a_row(update()), STREAM, countdown(), asked())


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda: to_reopen(STREAM, NOW, ask_at=NOW + 7)(READ), id="a reopen"),
        pytest.param(lambda: to_reopen(STREAM, NOW, ask_at=READ.check_at)(READ), id="at once"),  # type: ignore[union-attr]
        pytest.param(lambda: a_row(update(), end()), id="an announcement"),
        pytest.param(
            lambda: noted(READ, STREAM, countdown(starts_at=NOW), asked()), id="another countdown"
        ),
        pytest.param(lambda: noted(READ, STREAM, CANCELLED, asked()), id="a state that was found"),
        pytest.param(lambda: replace(READ, check_at=NOW + 99), id="another question"),  # type: ignore[type-var]
        pytest.param(lambda: None, id="the row has gone"),
    ],
)
def test_an_answer_counts_only_for_the_row_that_was_read(meanwhile) -> None:  # type: ignore[no-untyped-def]
    stands = meanwhile()
    assert not is_as_read(stands, READ)
    assert to_apply(READ, STREAM, CANCELLED, asked(), end())(stands) is stands
    assert to_announce_as_read(READ, end(), NOW)(stands) is stands


def test_what_a_worker_has_written_meanwhile_does_not_matter() -> None:
    assert READ is not None
    worked = replace(READ, timestamp=READ.timestamp + 5, touch=2, due_at=NOW + 15, told_at=NOW)
    assert is_as_read(worked, READ)


def test_what_stands_as_the_answer_says_is_not_written() -> None:
    assert to_apply(READ, STREAM, countdown(), asked(), None)(READ) is READ


def test_an_answer_about_a_stream_without_a_row_makes_one_for_a_countdown_alone() -> None:
    assert noted(None, STREAM, None, asked()) is None
    assert noted(None, STREAM, CANCELLED, asked()) is None
    made = noted(None, STREAM, countdown(), asked())
    assert made is not None
    assert (made.revision, made.event) == (0, None)
