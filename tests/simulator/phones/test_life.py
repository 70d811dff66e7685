"""How a Live Activity lives: active, stale, ended, dismissed."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import BEGINNING, HOUR, STREAM, Apple, Clock, kinds, latest


def test_an_activity_that_was_started_stands_on_the_lock_screen(
    phone: Phone, activity: Activity
) -> None:
    assert phone.lock_screen == [activity]
    assert (activity.state, activity.visible, activity.started_at) == ("active", True, BEGINNING)
    assert (activity.ended_at, activity.dismisses_at, activity.timestamp) == (None, None, None)
    assert activity.content_state == {"status": "soon"}


def test_the_attributes_carry_the_stream(phone: Phone) -> None:
    activity = phone.follow(STREAM, attributes={"title": "A talk"})
    assert activity.attributes == {"streamId": STREAM, "title": "A talk"}


def test_the_system_ends_an_activity_at_eight_hours(activity: Activity, clock: Clock) -> None:
    clock.go_on(8 * HOUR - 1)
    assert activity.state == "active"
    clock.go_on(1)
    assert (activity.state, activity.ended_at) == ("ended", BEGINNING + 8 * HOUR)


def test_four_hours_later_it_leaves_the_lock_screen(
    phone: Phone, activity: Activity, clock: Clock
) -> None:
    clock.go_on(12 * HOUR - 1)
    assert phone.lock_screen == [activity]
    clock.go_on(1)
    assert (activity.state, activity.visible, phone.lock_screen) == ("dismissed", False, [])
    assert activity.dismisses_at == BEGINNING + 12 * HOUR


def test_what_was_dismissed_is_still_among_the_activities(
    phone: Phone, activity: Activity, clock: Clock
) -> None:
    clock.go_on(12 * HOUR)
    assert phone.activities == [activity]


def test_an_end_push_ends_it(apple: Apple, activity: Activity, clock: Clock) -> None:
    clock.go_on(10)
    apple.end(activity)
    assert (activity.state, activity.ended_at) == ("ended", BEGINNING + 10)


def test_an_end_without_a_content_state_keeps_the_last_one(
    apple: Apple, activity: Activity
) -> None:
    apple.update(activity, {"status": "live"})
    apple.end(activity)
    assert activity.content_state == {"status": "live"}


def test_an_end_with_a_content_state_shows_it(apple: Apple, activity: Activity) -> None:
    apple.end(activity, content_state={"status": "over"})
    assert (activity.state, activity.content_state) == ("ended", {"status": "over"})


@pytest.mark.parametrize("earlier", [0, 1, 100 * HOUR])
def test_a_dismissal_date_of_now_or_past_takes_it_away_at_once(
    apple: Apple, phone: Phone, activity: Activity, earlier: float
) -> None:
    apple.end(activity, dismissal_date=BEGINNING - earlier)
    assert (activity.state, activity.dismisses_at) == ("dismissed", BEGINNING)
    assert phone.lock_screen == []


def test_a_dismissal_date_is_when_it_leaves(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    apple.end(activity, dismissal_date=BEGINNING + 300)
    clock.go_on(299)
    assert phone.lock_screen == [activity]
    clock.go_on(1)
    assert phone.lock_screen == []


@pytest.mark.parametrize("date", [None, BEGINNING + 4 * HOUR + 1, BEGINNING * 1000])
def test_without_a_dismissal_date_or_with_a_late_one_it_stays_four_hours(
    apple: Apple, activity: Activity, date: float | None
) -> None:
    apple.end(activity, dismissal_date=date)
    assert activity.dismisses_at == BEGINNING + 4 * HOUR


def test_an_ended_activity_takes_no_push(apple: Apple, phone: Phone, activity: Activity) -> None:
    apple.end(activity)
    apple.update(activity, {"status": "live"})
    apple.end(activity, dismissal_date=0)
    assert (activity.state, activity.content_state) == ("ended", {"status": "soon"})
    assert latest(phone, "dropped") == "The activity has ended already."


def test_an_activity_of_eight_hours_takes_no_push(
    apple: Apple, activity: Activity, clock: Clock
) -> None:
    clock.go_on(8 * HOUR)
    apple.end(activity, dismissal_date=0)
    assert (activity.state, activity.ended_at) == ("ended", BEGINNING + 8 * HOUR)


def test_it_is_stale_from_its_stale_date_on(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    apple.update(activity, stale_date=BEGINNING + 60)
    assert (activity.state, activity.stale_date) == ("active", BEGINNING + 60)
    clock.go_on(60)
    assert activity.state == "stale"
    assert phone.lock_screen == [activity]


def test_a_stale_activity_is_fresh_again_after_an_update(
    apple: Apple, activity: Activity, clock: Clock
) -> None:
    apple.update(activity, stale_date=BEGINNING + 60)
    clock.go_on(60)
    apple.update(activity)
    assert (activity.state, activity.stale_date) == ("active", None)


def test_a_stale_activity_can_end(apple: Apple, activity: Activity, clock: Clock) -> None:
    apple.update(activity, stale_date=BEGINNING + 60)
    clock.go_on(60)
    apple.end(activity)
    assert activity.state == "ended"


def test_what_time_brings_is_in_the_log_with_its_time(
    phones: Phones, phone: Phone, activity: Activity, clock: Clock
) -> None:
    clock.go_on(20 * HOUR)
    phones.tick()
    phones.tick()
    assert [(event.kind, event.at) for event in phone.log[-2:]] == [
        ("ended", BEGINNING + 8 * HOUR),
        ("dismissed", BEGINNING + 12 * HOUR),
    ]
    assert kinds(phone, activity).count("ended") == 1


def test_what_time_brings_is_in_the_log_in_its_order(
    phones: Phones, phone: Phone, activity: Activity, clock: Clock
) -> None:
    clock.go_on(5 * HOUR)
    later = phone.follow(STREAM)
    clock.go_on(20 * HOUR)
    phones.tick()
    events = [event for event in phone.log if event.kind in ("ended", "dismissed")]
    assert [(event.kind, event.activity_id) for event in events] == [
        ("ended", activity.id),
        ("dismissed", activity.id),
        ("ended", later.id),
        ("dismissed", later.id),
    ]


def test_an_end_is_in_the_log(apple: Apple, phone: Phone, activity: Activity) -> None:
    apple.end(activity, dismissal_date=0)
    assert kinds(phone, activity)[-3:] == ["push", "ended", "dismissed"]


def test_one_end_ends_one_activity(apple: Apple, phone: Phone, activity: Activity) -> None:
    other = phone.follow(STREAM)
    apple.end(activity, dismissal_date=0)
    assert phone.lock_screen == [other]
