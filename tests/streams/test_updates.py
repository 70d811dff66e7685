"""What updates, reopens and registrations make of a stream's row."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.model.stream_writes import (
    UPDATES_APART,
    next_event,
    no_sooner,
    to_reopen,
    to_wake,
    update_due,
)
from flask_allmine_liveactivity.model.times import DUE_NOW, NEVER
from streams.saying import NOW, STREAM, a_row, end, update

HELD = {"held_reason": "InvalidProviderToken", "held_since": NOW - 5, "due_at": NOW + 60}


def test_the_first_update_is_due_now() -> None:
    assert a_row(update()).due_at == DUE_NOW


def test_the_next_round_begins_no_sooner_than_a_few_seconds_after_the_last() -> None:
    told = a_row(update(), told_at=NOW - 2)
    assert next_event(told, update("Saturday"), NOW).due_at == NOW - 2 + UPDATES_APART


def test_after_that_time_it_is_due_now() -> None:
    assert update_due(a_row(update(), told_at=NOW - UPDATES_APART), NOW) == DUE_NOW


def test_who_comes_late_does_not_begin_a_round_sooner() -> None:
    row = a_row(update(), told_at=NOW - 2)
    assert no_sooner(row, DUE_NOW, NOW) == NOW + 3
    assert no_sooner(row, NOW + 40, NOW) == NOW + 40


def test_an_end_keeps_no_distance() -> None:
    assert no_sooner(a_row(update(), end(), told_at=NOW - 2), DUE_NOW, NOW) == DUE_NOW


def test_a_clock_that_was_far_ahead_keeps_nobody_waiting() -> None:
    assert no_sooner(a_row(update(), told_at=NOW + 90), DUE_NOW, NOW) == DUE_NOW


def test_an_update_lifts_no_hold() -> None:
    after = next_event(a_row(update(), **HELD), update("Saturday"), NOW)
    assert (after.held_reason, after.due_at) == ("InvalidProviderToken", NOW + 60)


def test_an_end_lifts_it() -> None:
    after = next_event(a_row(update(), **HELD), end(), NOW)
    assert (after.held_reason, after.held_since) == (None, None)
    assert after.due_at <= NOW


def test_an_end_is_asked_about_no_more() -> None:
    assert a_row(end(), check_at=None).check_at is None
    assert next_event(a_row(update(), check_at=NOW), end(), NOW).check_at is None


def test_a_reopen_of_an_end_leaves_nothing_to_tell_and_raises_the_revision() -> None:
    row = to_reopen(STREAM, NOW, ask_at=NOW + 60)(a_row(update(), end()))
    assert row is not None
    assert (row.event, row.revision, row.check_at, row.due_at) == (None, 3, NOW + 60, NEVER)


def test_a_reopen_over_an_update_changes_nothing_but_the_question() -> None:
    before = a_row(update(), check_at=NOW + 10)
    after = to_reopen(STREAM, NOW, ask_at=NOW + 60)(before)
    assert after == replace(before, check_at=NOW + 60)


def test_a_reopen_at_the_time_of_the_question_is_seen_too() -> None:
    before = a_row(update(), check_at=NOW + 60)
    after = to_reopen(STREAM, NOW, ask_at=NOW + 60)(before)
    assert after is not None
    assert after.check_at != before.check_at


def test_a_registration_makes_the_row_of_which_the_host_is_asked() -> None:
    row = to_wake(STREAM, NOW + 3600, NOW, ask_at=NOW + 60)(None)
    assert row is not None
    assert (row.revision, row.event, row.check_at) == (0, None, NOW + 60)
    assert row.expires_at >= NOW + 3600


def test_without_a_question_it_makes_none() -> None:
    assert to_wake(STREAM, NOW + 3600, NOW)(None) is None


def test_a_registration_puts_no_question_off() -> None:
    row = a_row(check_at=NOW + 10, expires_at=NOW + 9000)
    assert to_wake(STREAM, NOW + 3600, NOW, ask_at=NOW + 60)(row) is row


def test_a_registration_after_an_end_asks_nothing() -> None:
    woken = to_wake(STREAM, NOW + 9000, NOW, ask_at=NOW + 60)(a_row(end()))
    assert woken is not None
    assert woken.check_at is None


def test_a_registration_wakes_an_update_and_keeps_its_distance() -> None:
    rests = a_row(update(), touch=2, due_at=NOW + 15, told_at=NOW - 2)
    woken = to_wake(STREAM, NOW + 60, NOW)(rests)
    assert woken is not None
    assert woken.due_at == NOW + 3


def test_a_registration_wakes_nothing_that_is_held() -> None:
    woken = to_wake(STREAM, NOW + 60, NOW)(a_row(update(), touch=2, **HELD))
    assert woken is not None
    assert woken.due_at == NOW + 60
