"""The app: who is logged in, and what it tells the backend when."""

from __future__ import annotations

from typing import Any

import pytest

from flask_allmine_liveactivity.simulator.phones import (
    Activity,
    Backend,
    LogInFailed,
    Phone,
    Phones,
)

from .desk import HOUR, PASSWORD, STREAM, Apple, Clock, Host, kinds, latest


def test_the_app_registers_what_it_starts(phone: Phone, activity: Activity, host: Host) -> None:
    assert host.registered == [
        {
            "streamId": STREAM,
            "deviceId": phone.id,
            "liveActivityToken": activity.token,
            "activityId": activity.id,
            "by": "ada-1",
            "status": 200,
        }
    ]
    assert kinds(phone, activity) == ["started", "token", "registered"]
    assert phone.missed_registrations == 0


def test_a_rotated_token_is_registered(phone: Phone, activity: Activity, host: Host) -> None:
    former = activity.token
    new = phone.rotate_token(activity)
    assert host.tokens == [former, new]


def test_an_app_that_is_opened_registers_what_is_active_again(
    apple: Apple, phone: Phone, activity: Activity, host: Host, clock: Clock
) -> None:
    stale, ended, swiped = (phone.follow(STREAM) for _ in range(3))
    apple.update(stale, stale_date=1)
    apple.end(ended)
    phone.swipe_away(swiped)
    host.registered.clear()
    phone.open_app()
    assert host.tokens == [activity.token, stale.token]
    clock.go_on(8 * HOUR)
    phone.open_app()
    assert len(host.tokens) == 2


def test_an_app_registers_again_what_was_refused_for_good(phone: Phone, host: Host) -> None:
    host.answers = [409]
    activity = phone.follow(STREAM)
    phone.open_app()
    assert host.tokens == [activity.token] * 2


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_at_a_4xx_it_gives_up(phone: Phone, host: Host, status: int) -> None:
    host.answers = [status]
    activity = phone.follow(STREAM)
    phone.flight_mode = True
    phone.flight_mode = False
    phone.register_now()
    assert (len(host.registered), phone.missed_registrations) == (1, 0)
    assert latest(phone, "refused") == f"{status}: No: {status} The app gives up."
    # The stream may be over: the end push will come, and the app ends nothing itself.
    assert activity.state == "active"


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_is_refused_for_a_while_waits(phone: Phone, host: Host, status: int) -> None:
    host.answers = [status]
    activity = phone.follow(STREAM)
    assert phone.missed_registrations == 1
    assert kinds(phone)[-1] == "refused"
    phone.open_app()
    assert (phone.missed_registrations, host.tokens[-1]) == (0, activity.token)


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_waits_is_tried_again_when_the_phone_is_online(
    phone: Phone, host: Host, status: int
) -> None:
    host.answers = [status]
    activity = phone.follow(STREAM)
    phone.flight_mode = True
    phone.flight_mode = False
    assert (phone.missed_registrations, host.tokens[-1]) == (0, activity.token)


def test_what_waits_is_tried_once_a_time(phone: Phone, host: Host) -> None:
    host.answers = [500, 500, 500]
    phone.follow(STREAM)
    phone.register_now()
    assert (phone.missed_registrations, host.answers) == (1, [500])


def test_what_waits_is_registered_with_the_newest_token(phone: Phone, host: Host) -> None:
    host.answers = [0]
    activity = phone.follow(STREAM)
    new = phone.rotate_token(activity)
    assert host.tokens == [new]


def test_what_has_ended_meanwhile_is_not_registered(apple: Apple, phone: Phone, host: Host) -> None:
    host.answers = [0]
    apple.end(phone.follow(STREAM))
    assert phone.missed_registrations == 0
    phone.open_app()
    phone.register_now()
    assert host.registered == []


def test_after_a_401_the_app_logs_in_again_and_registers(phone: Phone, host: Host) -> None:
    host.answers = [401]
    phone.follow(STREAM)
    assert (phone.missed_registrations, host.log_ins) == (1, 1)
    phone.open_app()
    assert (phone.missed_registrations, host.log_ins) == (0, 2)
    assert [(body["by"], body["status"]) for body in host.registered] == [
        ("ada-1", 401),
        ("ada-2", 200),
    ]


def test_a_log_in_that_fails_leaves_the_registration_waiting(
    phone: Phone, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.answers = [401]
    phone.follow(STREAM)
    monkeypatch.setattr(Backend, "log_in", _refuse)
    phone.open_app()
    assert (phone.missed_registrations, phone.username) == (1, "ada")
    assert latest(phone, "refused") == "To log in again failed: not today"
    monkeypatch.undo()
    phone.open_app()
    assert phone.missed_registrations == 0


def _refuse(*_: Any) -> str:
    raise LogInFailed("not today")


def test_a_rotation_under_way_is_told_last(phone: Phone, activity: Activity) -> None:
    told: list[str] = []

    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        if path.endswith("login"):
            return 200, {"accessToken": "t"}
        if not told:
            told.append("on its way")
            phone.rotate_token(activity)
        told.append(body["liveActivityToken"])
        return 200, None

    phone.log_in(Backend(send), "ada", PASSWORD)
    former = activity.token
    phone.open_app()
    assert former in told[1:-1]
    assert told[-1] == activity.token
    assert phone.missed_registrations == 0


def test_a_registration_may_bring_the_end_push_at_once(
    apple: Apple, phones: Phones, phone: Phone
) -> None:
    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        if path.endswith("login"):
            return 200, {"accessToken": "t"}
        apple.end(body["liveActivityToken"], dismissal_date=0)
        return 409, {"errors": ["The stream is over"]}

    phone.log_in(Backend(send), "ada", PASSWORD)
    activity = phone.follow(STREAM)
    assert (activity.state, phone.lock_screen) == ("dismissed", [])
    assert phone.missed_registrations == 0


def test_what_the_backend_raises_loses_no_registration(phone: Phone, host: Host) -> None:
    class Crash(BaseException):
        pass

    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        if path.endswith("login"):
            return 200, {"accessToken": "t"}
        raise Crash

    phone.log_in(Backend(send), "ada", PASSWORD)
    with pytest.raises(Crash):
        phone.follow(STREAM)
    assert phone.missed_registrations == 1
    host.log_in(phone)
    assert len(host.registered) == 1


@pytest.mark.parametrize("go_on", [Phone.open_app, Phone.register_now])
def test_an_app_that_does_not_run_registers_nothing(
    phone: Phone, activity: Activity, host: Host, go_on: Any
) -> None:
    phone.switch_off()
    phone.rotate_token(activity)
    go_on(phone)
    assert len(host.registered) == 1


def test_with_registers_at_once_off_all_registrations_wait(
    phone: Phone, activity: Activity, host: Host
) -> None:
    phone.registers_at_once = False
    phone.follow(STREAM)
    phone.rotate_token(activity)
    assert (phone.missed_registrations, len(host.registered)) == (2, 1)
    phone.register_now()
    assert (phone.missed_registrations, len(host.registered)) == (0, 3)


def test_a_deleted_app_registers_nothing_any_more(phone: Phone, host: Host) -> None:
    phone.flight_mode = True
    phone.follow(STREAM)
    phone.delete_app()
    phone.install_app()
    phone.flight_mode = False
    host.log_in(phone)
    assert host.registered == []


def test_logging_in_says_who(phones: Phones, host: Host) -> None:
    phone = phones.add()
    assert phone.username is None
    host.log_in(phone, "grace")
    assert phone.username == "grace"


def test_a_wrong_password_logs_nobody_in(phones: Phones, host: Host) -> None:
    phone = phones.add()
    with pytest.raises(LogInFailed, match=r"for 'ada' answers 401, without an accessToken\."):
        phone.log_in(Backend(host.send), "ada", "wrong")
    assert phone.username is None


def test_nobody_logs_in_in_flight_mode(phone: Phone, host: Host) -> None:
    phone.flight_mode = True
    with pytest.raises(LogInFailed, match="offline"):
        host.log_in(phone, "grace")
    assert phone.username == "ada"


def test_a_backend_that_does_not_answer_logs_nobody_in(phones: Phones) -> None:
    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        raise TimeoutError("too slow")

    with pytest.raises(LogInFailed, match="does not answer: too slow"):
        phones.add().log_in(Backend(send), "ada", PASSWORD)


def test_logging_out_tells_the_backend_the_device(phone: Phone, host: Host) -> None:
    phone.log_out()
    assert host.logged_out == [{"deviceId": phone.id, "by": "ada-1"}]
    assert phone.username is None


def test_logging_out_offline_tells_nobody(phone: Phone, host: Host) -> None:
    phone.flight_mode = True
    phone.log_out()
    phone.flight_mode = False
    assert (host.logged_out, phone.username) == ([], None)


def test_with_nobody_logged_in_nothing_is_registered(
    phone: Phone, activity: Activity, host: Host
) -> None:
    phone.log_out()
    phone.rotate_token(activity)
    phone.open_app()
    assert (len(host.registered), phone.missed_registrations) == (1, 1)


def test_the_next_user_registers_what_is_still_there(
    phone: Phone, activity: Activity, host: Host
) -> None:
    phone.log_out()
    host.log_in(phone, "grace")
    assert len(host.registered) == 1
    phone.open_app()
    assert host.registered[-1]["by"] == "grace-2"


def test_a_log_out_that_fails_is_in_the_log(phone: Phone) -> None:
    def send(method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        return (200, {"accessToken": "t"}) if path.endswith("login") else (500, None)

    phone.log_in(Backend(send), "ada", PASSWORD)
    phone.log_out()
    assert latest(phone, "refused") == "To log out was answered with 500."
    assert phone.username is None
