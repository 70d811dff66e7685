"""Which tokens there are, and what Apple answers to a push to each."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from flask_allmine_liveactivity.simulator import Answer
from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import BEGINNING, HOUR, STREAM, Apple, Clock, Host, kinds


def token_of(activity: Activity) -> str:
    assert activity.token is not None
    return activity.token


def test_a_runtime_token_is_160_hex_digits(activity: Activity) -> None:
    assert re.fullmatch("[0-9a-f]{160}", token_of(activity))


def test_a_push_to_start_token_is_160_hex_digits(phone: Phone) -> None:
    assert re.fullmatch("[0-9a-f]{160}", phone.push_to_start_token or "")


def test_all_tokens_and_ids_are_distinct(phones: Phones) -> None:
    all_phones = [phones.add() for _ in range(3)]
    activities = [phone.follow(STREAM) for phone in all_phones for _ in range(3)]
    tokens = {activity.token for activity in activities}
    tokens |= {phone.push_to_start_token for phone in all_phones}
    assert len(tokens) == 12
    assert len({activity.id for activity in activities}) == 9


def test_with_the_same_source_of_chance_all_is_the_same_again() -> None:
    def seen() -> tuple[str | None, str | None, str]:
        phone = Phones(random=random.Random(7)).add()
        activity = phone.follow(STREAM)
        return phone.push_to_start_token, activity.token, activity.id

    assert seen() == seen()


@pytest.mark.parametrize(("os_version", "has"), [((17, 1), False), ((17, 2), True), ((18,), True)])
def test_a_push_to_start_token_is_there_from_ios_17_2_on(
    phones: Phones, os_version: tuple[int, ...], has: bool
) -> None:
    assert (phones.add(os_version=os_version).push_to_start_token is not None) is has


def test_a_living_token_is_not_refused(apple: Apple, phone: Phone, activity: Activity) -> None:
    assert apple.refusal(token_of(activity)) is None
    assert apple.refusal(phone.push_to_start_token or "") is None


def test_a_strangers_token_is_not_refused(apple: Apple, phone: Phone) -> None:
    assert apple.refusal("ab" * 80) is None


def test_an_ended_activitys_token_is_expired_since_then(
    apple: Apple, activity: Activity, clock: Clock
) -> None:
    clock.go_on(10.25)
    apple.end(activity)
    clock.go_on(100)
    answer = apple.refusal(token_of(activity))
    assert answer == Answer(410, "ExpiredToken", timestamp=int((BEGINNING + 10.25) * 1000))


def test_at_eight_hours_a_token_is_expired(apple: Apple, activity: Activity, clock: Clock) -> None:
    clock.go_on(8 * HOUR - 1)
    assert apple.refusal(token_of(activity)) is None
    clock.go_on(100)
    assert apple.refusal(token_of(activity)) == Answer.expired_token(BEGINNING + 8 * HOUR)


def test_a_swiped_activitys_token_is_expired(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    phone.swipe_away(activity)
    assert apple.refusal(token_of(activity)) == Answer.expired_token(BEGINNING)


def test_apple_learns_of_a_deleted_app_by_the_next_push_which_it_still_accepts(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    tokens = [token_of(activity), phone.push_to_start_token or ""]
    phone.delete_app()
    assert [apple.refusal(token) for token in tokens] == [None, None]
    clock.go_on(60)
    apple.end(activity)
    assert phone.log[-1].text == "The app is deleted, and Apple learns of it now."
    clock.go_on(60)
    assert [apple.refusal(token) for token in tokens] == [Answer.gone(BEGINNING + 60)] * 2


def test_of_an_offline_phones_deleted_app_apple_learns_when_the_phone_is_back(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    phone.flight_mode = True
    phone.delete_app()
    apple.end(activity)
    assert apple.refusal(token_of(activity)) is None
    clock.go_on(60)
    phone.flight_mode = False
    assert apple.refusal(token_of(activity)) == Answer.gone(BEGINNING + 60)


def test_what_had_expired_before_the_app_was_deleted_stays_expired(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    former = token_of(activity)
    phone.rotate_token(activity)
    other = phone.follow(STREAM)
    apple.end(other)
    phone.delete_app()
    assert apple.refusal(former) == Answer.expired_token(BEGINNING)
    assert apple.refusal(token_of(other)) == Answer.expired_token(BEGINNING)


@pytest.mark.parametrize(("given", "server"), [(None, "production"), ("production", "sandbox")])
def test_a_token_of_the_other_environment_is_a_bad_device_token(
    apple: Apple, phones: Phones, given: str | None, server: str
) -> None:
    activity = phones.add(environment=given).follow(STREAM)
    assert apple.refusal(token_of(activity), environment=server) == Answer.bad_device_token()


def test_a_phone_may_have_an_environment_of_its_own(apple: Apple, phones: Phones) -> None:
    activity = phones.add(environment="production").follow(STREAM)
    assert apple.refusal(token_of(activity), environment="production") is None


def test_another_apps_topic_is_not_for_the_token(apple: Apple, activity: Activity) -> None:
    answer = apple.refusal(token_of(activity), bundle_id="com.example.other")
    assert answer == Answer.device_token_not_for_topic()


def test_a_rotated_token_is_expired_and_the_new_one_lives(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    former = token_of(activity)
    clock.go_on(60)
    new = phone.rotate_token(activity)
    assert (activity.token, new != former) == (new, True)
    assert apple.refusal(former) == Answer.expired_token(BEGINNING + 60)
    assert apple.refusal(new) is None


def test_a_rotated_push_to_start_token_is_dead_and_the_new_one_starts(
    apple: Apple, phone: Phone, clock: Clock
) -> None:
    former = phone.push_to_start_token or ""
    clock.go_on(60)
    new = phone.rotate_push_to_start_token()
    assert (phone.push_to_start_token, new != former) == (new, True)
    assert apple.refusal(former) == Answer.gone(BEGINNING + 60)
    assert apple.refusal(new) is None
    apple.start(phone)
    assert len(phone.lock_screen) == 1


def test_without_a_push_to_start_token_there_is_none_to_replace(phones: Phones) -> None:
    with pytest.raises(ValueError, match="no push-to-start token"):
        phones.add(os_version=(17, 1)).rotate_push_to_start_token()


def test_a_push_to_a_rotated_token_is_dropped(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    former = token_of(activity)
    phone.rotate_token(activity)
    apple.end(former)
    assert activity.state == "active"
    assert phone.log[-1].text == "Its token is dead by now."
    apple.end(activity)
    assert activity.state == "ended"


def test_the_token_of_an_ended_activity_is_not_replaced(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    apple.end(activity)
    with pytest.raises(ValueError, match="has no token to replace"):
        phone.rotate_token(activity)


@pytest.mark.parametrize("do", [Phone.rotate_token, Phone.swipe_away])
def test_an_activity_of_another_phone_is_a_mistake(
    phones: Phones, activity: Activity, do: Callable[[Phone, Activity], object]
) -> None:
    with pytest.raises(ValueError, match="is not on Grace's iPhone"):
        do(phones.add("Grace's iPhone"), activity)


def test_a_swiped_activity_is_off_the_lock_screen(
    phone: Phone, activity: Activity, host: Host
) -> None:
    phone.swipe_away(activity)
    assert (activity.state, phone.lock_screen) == ("dismissed", [])
    assert kinds(phone, activity)[-1] == "dismissed"
    assert "ended" not in kinds(phone, activity)
    assert len(host.registered) == 1


def test_an_ended_activity_can_be_swiped_away(
    apple: Apple, phone: Phone, activity: Activity, clock: Clock
) -> None:
    apple.end(activity)
    clock.go_on(60)
    phone.swipe_away(activity)
    assert (activity.state, activity.ended_at) == ("dismissed", BEGINNING)
    assert activity.dismisses_at == BEGINNING + 60


def test_to_swipe_twice_is_like_once(phone: Phone, activity: Activity) -> None:
    phone.swipe_away(activity)
    phone.swipe_away(activity)
    assert kinds(phone, activity).count("dismissed") == 1


def test_with_the_app_its_activities_are_gone(
    phone: Phone, activity: Activity, clock: Clock
) -> None:
    phone.delete_app()
    phone.delete_app()
    assert (phone.has_app, phone.lock_screen, activity.state) == (False, [], "dismissed")
    assert (phone.push_to_start_token, phone.username) == (None, None)
    assert kinds(phone, activity).count("dismissed") == 1


def test_an_app_that_is_installed_again_has_new_tokens(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    former = phone.push_to_start_token
    phone.install_app()
    assert phone.push_to_start_token == former
    phone.delete_app()
    phone.install_app()
    assert (phone.has_app, phone.username) == (True, None)
    assert phone.push_to_start_token not in (None, former)
    assert apple.refusal(former or "") == Answer.gone(BEGINNING)


@pytest.mark.parametrize("do", [Phone.delete_app, Phone.switch_off])
def test_where_no_app_runs_nothing_can_be_followed(
    phone: Phone, do: Callable[[Phone], None]
) -> None:
    do(phone)
    with pytest.raises(RuntimeError, match="is switched off, or has no app"):
        phone.follow(STREAM)


def test_no_token_is_in_logs_and_reprs(phones: Phones, phone: Phone, activity: Activity) -> None:
    tokens = [token_of(activity), phone.push_to_start_token or "", phone.rotate_token(activity)]
    shown = repr([phones.all, phone.activities, phone.log])
    assert not any(token in shown for token in tokens)
