"""Phones as a whole: adding, onlookers, threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Backend, Phone, Phones

from .desk import HOUR, PASSWORD, STREAM, Apple, Clock, Host


def test_a_phone_is_what_it_was_added_as(phones: Phones) -> None:
    phone = phones.add("Ada's", model="iPhone 17", phone_id="a", os_version=(26, 1))
    assert (phone.id, phone.name, phone.model, phone.os_version) == (
        "a",
        "Ada's",
        "iPhone 17",
        (26, 1),
    )
    assert (phone.environment, phone.is_on, phone.flight_mode) == ("sandbox", True, False)
    assert phones.phone("a") is phone


def test_phones_are_in_their_order(phones: Phones) -> None:
    added = [phones.add(phone_id=phone_id) for phone_id in ("b", "iphone-2", "a")]
    added.append(phones.add())
    assert phones.all == added
    assert added[-1].id == "iphone-4"


def test_an_id_is_given_once(phones: Phones) -> None:
    phones.add(phone_id="a")
    with pytest.raises(ValueError, match="There is a phone 'a' already"):
        phones.add(phone_id="a")


def test_a_free_id_is_found(phones: Phones) -> None:
    phones.add(phone_id="iphone-2")
    assert phones.add().id == "iphone-3"


def test_a_phone_that_there_is_not_is_a_key_error(phones: Phones) -> None:
    with pytest.raises(KeyError):
        phones.phone("a")


@pytest.fixture
def seen(phones: Phones, phone: Phone, activity: Activity) -> list[Phone]:
    """The phones that were seen to change."""
    seen: list[Phone] = []
    phones.on_change = seen.append
    return seen


def test_an_onlooker_is_told_of_a_new_phone(phones: Phones, seen: list[Phone]) -> None:
    assert phones.add() in seen


@pytest.mark.parametrize(
    "change",
    [
        lambda phone, activity, apple: apple.update(activity),
        lambda phone, activity, apple: apple.update(activity, "dropped"),
        lambda phone, activity, apple: phone.follow(STREAM),
        lambda phone, activity, apple: phone.rotate_token(activity),
        lambda phone, activity, apple: phone.swipe_away(activity),
        lambda phone, activity, apple: phone.delete_app(),
        lambda phone, activity, apple: phone.switch_off(),
        lambda phone, activity, apple: phone.open_app(),
        lambda phone, activity, apple: phone.log_out(),
    ],
    ids=[
        "push",
        "dropped",
        "follow",
        "rotate",
        "swipe",
        "delete",
        "off",
        "open",
        "log out",
    ],
)
def test_an_onlooker_is_told_of_each_change(
    seen: list[Phone], phone: Phone, activity: Activity, apple: Apple, change: Any
) -> None:
    change(phone, activity, apple)
    assert set(seen) == {phone}


@pytest.mark.parametrize("hours", [1, 8, 12])
def test_an_onlooker_is_told_of_what_time_brings(
    phones: Phones, seen: list[Phone], apple: Apple, activity: Activity, clock: Clock, hours: int
) -> None:
    apple.update(activity, stale_date=clock.now + HOUR)
    for go_on in (hours * HOUR - 1, 1):
        phones.tick()
        seen.clear()
        clock.go_on(go_on)
    phones.tick()
    assert len(seen) == 1


def test_where_nothing_changes_nobody_is_told(
    phones: Phones, seen: list[Phone], phone: Phone
) -> None:
    phones.tick()
    phone.flight_mode = False
    phone.switch_on()
    phone.register_now()
    assert seen == []


def test_a_failing_onlooker_is_logged_and_the_phone_goes_on(
    phones: Phones, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(phone: Phone) -> None:
        raise RuntimeError("the test's own fault")

    phones.on_change = fail
    assert phone.follow(STREAM).state == "active"
    assert "the test's own fault" in caplog.text


def in_another_thread(call: Any) -> bool:
    """Whether a call comes back when it is made in a thread of its own."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_an_onlooker_is_called_without_the_lock(phones: Phones, phone: Phone) -> None:
    free: list[bool] = []
    phones.on_change = lambda changed: free.append(in_another_thread(lambda: changed.lock_screen))
    phone.follow(STREAM)
    assert free
    assert all(free)


def test_the_backend_is_called_without_the_lock(phones: Phones, phone: Phone) -> None:
    free: list[bool] = []

    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        free.append(in_another_thread(lambda: phone.log))
        return 200, {"accessToken": "t"}

    phone.log_in(Backend(send), "ada", PASSWORD)
    phone.follow(STREAM)
    phone.log_out()
    assert free == [True, True, True]


def test_many_threads_lose_nothing(phones: Phones, apple: Apple, host: Host) -> None:
    phone = phones.add()
    host.log_in(phone)

    def follow_and_end() -> None:
        for _ in range(25):
            activity = phone.follow(STREAM)
            phone.rotate_token(activity)
            apple.end(activity, dismissal_date=0)

    threads = [threading.Thread(target=follow_and_end) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {activity.state for activity in phone.activities} == {"dismissed"}
    assert (len(phone.activities), phone.missed_registrations) == (100, 0)


def test_the_log_keeps_the_latest_thousand(apple: Apple, phone: Phone, activity: Activity) -> None:
    for number in range(1100):
        apple.update(activity, {"n": number})
    assert len(phone.log) == 1000
    assert phone.log[-1].payload is not None
    assert phone.log[-1].payload["aps"]["content-state"] == {"n": 1099}


def test_the_log_is_a_copy(phone: Phone) -> None:
    phone.log.clear()
    phone.activities.clear()
    assert phone.log
