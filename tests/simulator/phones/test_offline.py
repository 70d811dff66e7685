"""Flight mode, a phone that is off, and the one notification that Apple keeps for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_allmine_liveactivity.simulator import Answer
from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import STREAM, Apple, Clock, Host, kinds, latest

DAY = 24 * 3600.0


def into_flight_mode(phone: Phone) -> None:
    phone.flight_mode = True


def out_of_flight_mode(phone: Phone) -> None:
    phone.flight_mode = False


Action = Callable[[Phone], None]
AWAY_AND_BACK = pytest.mark.parametrize(
    ("go_away", "come_back"),
    [(into_flight_mode, out_of_flight_mode), (Phone.switch_off, Phone.switch_on)],
    ids=["flight mode", "switched off"],
)


@AWAY_AND_BACK
def test_a_push_reaches_an_offline_phone_when_it_is_back(
    apple: Apple, phone: Phone, activity: Activity, go_away: Action, come_back: Action
) -> None:
    go_away(phone)
    apple.end(activity, dismissal_date=0)
    assert (phone.is_online, activity.state) == (False, "active")
    come_back(phone)
    assert (phone.is_online, activity.state) == (True, "dismissed")


def test_it_is_brought_once(apple: Apple, phone: Phone, activity: Activity) -> None:
    phone.flight_mode = True
    apple.update(activity)
    for away in (False, True, False):
        phone.flight_mode = away
    assert kinds(phone).count("push") == 1


def test_a_phone_is_back_when_it_is_on_and_not_in_flight_mode(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    phone.flight_mode = True
    phone.switch_off()
    apple.end(activity)
    phone.switch_on()
    assert (phone.is_on, phone.flight_mode, activity.state) == (True, True, "active")
    phone.flight_mode = False
    assert activity.state == "ended"


def test_apple_keeps_one_notification_and_the_newest_overwrites(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    other = phone.follow(STREAM)
    phone.flight_mode = True
    apple.end(activity)
    apple.end(other)
    phone.flight_mode = False
    assert (activity.state, other.state) == ("active", "ended")
    (dropped,) = [event for event in phone.log if event.kind == "dropped"]
    assert dropped.activity_id == activity.id
    assert dropped.text.startswith("Apple keeps one push for a phone that is offline")


def test_each_phone_has_its_own(apple: Apple, phones: Phones, phone: Phone) -> None:
    both = [phone, phones.add()]
    activities = [one.follow(STREAM) for one in both]
    for one, activity in zip(both, activities, strict=True):
        one.flight_mode = True
        apple.end(activity)
    for one in both:
        one.flight_mode = False
    assert [activity.state for activity in activities] == ["ended", "ended"]


@pytest.mark.parametrize("expiration", ["0", "1", "1800000000"])
def test_with_an_expiration_of_0_or_past_nothing_is_kept(
    apple: Apple, phone: Phone, activity: Activity, expiration: str
) -> None:
    phone.flight_mode = True
    apple.end(activity, apns_expiration=expiration)
    phone.flight_mode = False
    assert activity.state == "active"
    assert "lets Apple keep nothing" in latest(phone, "dropped")


def test_what_is_not_kept_overwrites_nothing(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    phone.flight_mode = True
    apple.end(activity)
    apple.update(activity, apns_expiration="0")
    phone.flight_mode = False
    assert activity.state == "ended"


def test_an_online_phone_takes_a_push_of_expiration_0(apple: Apple, activity: Activity) -> None:
    apple.end(activity, apns_expiration="0")
    assert activity.state == "ended"


@pytest.mark.parametrize(("away", "state"), [(3599, "ended"), (3600, "active")])
def test_what_has_expired_does_not_arrive(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock, away: float, state: str
) -> None:
    phone.flight_mode = True
    apple.end(activity)
    clock.go_on(away)
    phone.flight_mode = False
    assert activity.state == state


def test_what_expires_is_given_up_at_the_next_tick(
    apple: Apple, phones: Phones, phone: Phone, activity: Activity, clock: Clock
) -> None:
    phone.flight_mode = True
    apple.end(activity)
    phones.tick()
    assert "dropped" not in kinds(phone)
    clock.go_on(3600)
    phones.tick()
    phones.tick()
    assert kinds(phone).count("dropped") == 1
    assert latest(phone, "dropped") == "Its apns-expiration has passed at Apple."


@pytest.mark.parametrize("expiration", [None, "4000000000"])
@pytest.mark.parametrize(("away", "kept"), [(30 * DAY - 1, True), (30 * DAY, False)])
def test_apple_keeps_nothing_for_longer_than_30_days(
    apple: Apple, phone: Phone, clock: Clock, expiration: str | None, away: float, kept: bool
) -> None:
    phone.flight_mode = True
    apple.start(phone, apns_expiration=expiration)
    clock.go_on(away)
    phone.flight_mode = False
    assert bool(phone.activities) is kept


def test_a_push_to_a_token_that_was_replaced_meanwhile_is_dropped(
    apple: Apple, phone: Phone, activity: Activity, host: Host
) -> None:
    phone.flight_mode = True
    apple.end(activity)
    new = phone.rotate_token(activity)
    phone.flight_mode = False
    assert activity.state == "active"
    assert host.tokens[-1] == new


def test_by_what_apple_has_kept_for_a_deleted_app_it_learns_of_that(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    phone.flight_mode = True
    apple.end(activity)
    phone.delete_app()
    assert apple.refusal(activity.token or "") is None
    clock.go_on(60)
    phone.flight_mode = False
    assert latest(phone, "dropped") == "The app is deleted, and Apple learns of it now."
    assert apple.refusal(activity.token or "") == Answer.gone(clock.now)


def test_time_goes_on_for_an_offline_phone(phone: Phone, activity: Activity, clock: Clock) -> None:
    phone.switch_off()
    clock.go_on(12 * 3600)
    assert phone.lock_screen == []


@AWAY_AND_BACK
def test_what_could_not_be_registered_is_registered_when_the_phone_is_back(
    phone: Phone, activity: Activity, host: Host, go_away: Action, come_back: Action
) -> None:
    go_away(phone)
    new = phone.rotate_token(activity)
    assert (phone.missed_registrations, new in host.tokens) == (1, False)
    come_back(phone)
    assert (phone.missed_registrations, host.tokens[-1]) == (0, new)


def test_an_activity_started_in_flight_mode_is_registered_later(phone: Phone, host: Host) -> None:
    phone.flight_mode = True
    activity = phone.follow(STREAM)
    assert phone.lock_screen == [activity]
    assert host.tokens == []
    phone.flight_mode = False
    assert host.tokens == [activity.token]


def test_the_stored_push_arrives_before_the_app_registers(
    apple: Apple, phone: Phone, activity: Activity, host: Host
) -> None:
    phone.flight_mode = True
    other = phone.follow(STREAM)
    apple.end(other)
    phone.flight_mode = False
    assert other.token not in host.tokens
    assert phone.missed_registrations == 0
