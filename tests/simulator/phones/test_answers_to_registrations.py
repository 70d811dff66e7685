"""What a phone shows of its registrations and of Apple's store: facts, for whoever looks on."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Registration

from .desk import BEGINNING, STREAM, Apple, Clock, Host


def test_the_answer_to_a_registration_is_kept(phone: Phone, activity: Activity) -> None:
    assert phone.registration(activity) == Registration(BEGINNING, 200)
    assert not phone.awaits_registration(activity)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 500, 503])
def test_a_refusal_is_kept_with_what_it_says(phone: Phone, host: Host, status: int) -> None:
    # After a 401 the app logs in again, and waits for its next occasion all the same.
    host.answers = [status]
    activity = phone.follow(STREAM)
    assert phone.registration(activity) == Registration(BEGINNING, status, f"No: {status}")
    assert phone.awaits_registration(activity) is (status in (401, 429, 500, 503))


def test_no_answer_is_no_status(phone: Phone, host: Host) -> None:
    host.answers = [0]
    activity = phone.follow(STREAM)
    registration = phone.registration(activity)
    assert registration is not None
    assert not registration.is_answer
    assert "nobody listens" in registration.said
    assert phone.awaits_registration(activity)


def test_the_latest_answer_counts(phone: Phone, host: Host, clock: Clock) -> None:
    host.answers = [503]
    activity = phone.follow(STREAM)
    clock.go_on(1)
    phone.open_app()
    assert phone.registration(activity) == Registration(BEGINNING + 1, 200)


def test_who_was_never_asked_has_no_answer(phone: Phone) -> None:
    phone.flight_mode = True
    activity = phone.follow(STREAM)
    assert phone.registration(activity) is None
    assert phone.awaits_registration(activity)


def test_a_new_token_waits_while_the_answer_to_the_old_one_stands(
    phone: Phone, activity: Activity
) -> None:
    phone.flight_mode = True
    phone.rotate_token(activity)
    registration = phone.registration(activity)
    assert registration is not None
    assert (registration.status, phone.awaits_registration(activity)) == (200, True)


def test_a_push_that_apple_keeps_is_seen(phone: Phone, activity: Activity, apple: Apple) -> None:
    assert not phone.has_stored_push(activity)
    phone.flight_mode = True
    apple.end(activity)
    assert phone.has_stored_push(activity)
    phone.flight_mode = False
    assert not phone.has_stored_push(activity)


def test_a_push_that_a_newer_one_has_overwritten_is_not_kept(
    phone: Phone, activity: Activity, apple: Apple
) -> None:
    other = phone.follow(STREAM)
    phone.flight_mode = True
    apple.end(activity)
    apple.end(other)
    assert (phone.has_stored_push(activity), phone.has_stored_push(other)) == (False, True)
