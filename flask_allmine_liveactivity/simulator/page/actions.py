"""What the buttons under a phone do, and those of Apple."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import abort

from flask_allmine_liveactivity.simulator.page.answers import CHOICES
from flask_allmine_liveactivity.simulator.page.body import (
    LONGEST_TOKEN,
    flag,
    given,
    mapping,
    text,
)
from flask_allmine_liveactivity.simulator.page.user import User
from flask_allmine_liveactivity.simulator.phones import LogInFailed

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator.page.simulator import Simulator
    from flask_allmine_liveactivity.simulator.phones import Activity, Phone


def _follow(simulator: Simulator, phone: Phone) -> None:
    stream_id = text("streamId").lower()
    if not phone.has_app:
        abort(409, "The app is not installed on this phone.")
    if phone.username is None:
        abort(409, "Nobody is logged in on this phone.")
    for activity in phone.lock_screen:
        if activity.stream_id == stream_id and activity.state in ("active", "stale"):
            abort(409, "This phone follows the stream already.")
    try:
        phone.follow(stream_id, mapping("contentState"), mapping("attributes"))
    except (RuntimeError, ValueError) as error:
        abort(409, str(error))


def _set_flight_mode(_: Simulator, phone: Phone) -> None:
    phone.flight_mode = flag("on")


def _open_app(_: Simulator, phone: Phone) -> None:
    if not phone.has_app:
        abort(409, "The app is not installed on this phone.")
    phone.open_app()


def _rotate_token(_: Simulator, phone: Phone) -> None:
    try:
        phone.rotate_token(_activity_of(phone))
    except ValueError:
        abort(409, "The activity has ended: iOS gives it no more tokens.")


def _swipe_away(_: Simulator, phone: Phone) -> None:
    phone.swipe_away(_activity_of(phone))


def _delete_app(_: Simulator, phone: Phone) -> None:
    phone.delete_app()


def _install_app(simulator: Simulator, phone: Phone) -> None:
    phone.install_app()
    simulator.log_in_again(phone)


def _log_in(simulator: Simulator, phone: Phone) -> None:
    said = given()
    if "accessToken" in said:
        user = User("", access_token=text("accessToken", longest=LONGEST_TOKEN))
    else:
        password = said.get("password", "")
        if not isinstance(password, str):
            abort(400, "password must be a string.")
        user = User(text("username"), password)
    try:
        simulator.log_in(phone, user)
    except (LogInFailed, OSError) as error:
        abort(409, str(error))


PHONE_ACTIONS: dict[str, Callable[[Simulator, Phone], None]] = {
    "follow": _follow,
    "open-app": _open_app,
    "flight-mode": _set_flight_mode,
    "rotate-token": _rotate_token,
    "swipe-away": _swipe_away,
    "delete-app": _delete_app,
    "install-app": _install_app,
    "log-in": _log_in,
}


def act_on_apple(simulator: Simulator) -> None:
    """``{"up": bool}``, ``{"answer": name}``, or both."""
    said = given()
    if "answer" in said:
        name = text("answer")
        if name not in CHOICES:
            abort(400, f"answer is one of {', '.join(CHOICES)}.")
        simulator.tell_apple(name)
    if "up" in said:
        simulator.set_apple_up(flag("up"))


def _activity_of(phone: Phone) -> Activity:
    activity_id = text("activityId")
    found = [activity for activity in phone.activities if activity.id == activity_id]
    if not found:
        abort(404, "There is no such activity on this phone.")
    return found[0]
