"""``status`` and ``why`` of a stream: what the host has said of it, and when it is asked again."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation

from flask_allmine_liveactivity import Countdown
from flask_allmine_liveactivity.cli.printing import utc
from flask_allmine_liveactivity.model import StreamEvent, fingerprint
from flask_allmine_liveactivity.simulator import Answer

from .desk import HOUR, Desk

COMMANDS = ("status", "why")


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def a_countdown(title: str = "a talk", *, within: float = HOUR, **more: Any) -> Countdown:
    return Countdown(
        starts_at=float(int(time.time() + within)), content_state={"title": title}, **more
    )


def the_row(desk: Desk) -> StreamEvent:
    row = installation(desk.app).storage.streams.read(STREAM)
    assert row is not None
    return row


def test_an_update_is_the_headline(desk: Desk, command: str) -> None:
    desk.phones(1)
    desk.change(a_countdown())
    row = the_row(desk)
    first, *_ = desk.say(command, STREAM).splitlines()
    assert first == (
        f"stream {STREAM}: to come, revision 1, an update of {utc(row.told_since)} (priority 5)"
    )
    report = desk.ask(command, STREAM)
    assert (report["event"], report["state"], report["revision"]) == ("update", None, 1)
    assert (report["priority"], report["announced_at"]) == (5, utc(row.told_since))


def test_the_countdown_says_when_it_starts_and_is_over_by_itself(
    desk_on_each: Desk, command: str
) -> None:
    desk = desk_on_each
    countdown = a_countdown(expires_after=600)
    desk.change(countdown)
    starts_at, expires_at = utc(float(countdown.starts_at)), utc(countdown.expires_at)  # type: ignore[arg-type]
    line = f"countdown: starts at {starts_at}, over by itself at {expires_at}\n"
    assert line in desk.say(command, STREAM)
    said = {"starts_at": starts_at, "expires_at": expires_at}
    assert desk.ask(command, STREAM)["countdown"] == said


def test_one_that_is_never_over_by_itself_says_no_such_time(desk: Desk, command: str) -> None:
    desk.change(a_countdown())
    assert "over by itself" not in desk.say(command, STREAM)
    assert desk.ask(command, STREAM)["countdown"]["expires_at"] is None


def test_it_says_when_the_host_is_asked_next(desk: Desk, command: str) -> None:
    desk.phones(1)
    desk.says(None)
    check_at = the_row(desk).check_at
    assert f"asked next: {utc(check_at)}\n" in desk.say(command, STREAM)
    assert desk.ask(command, STREAM)["next_question"] == utc(check_at)
    desk.pass_time(HOUR)
    assert "asked next: now\n" in desk.say(command, STREAM)


def test_without_a_callback_nobody_is_said_to_be_asked(desk: Desk, command: str) -> None:
    desk.phones(1)
    assert the_row(desk).check_at is not None
    assert "asked next" not in desk.say(command, STREAM)
    assert desk.ask(command, STREAM)["next_question"] is None


def test_a_state_that_was_found_once_is_shown_and_then_the_end(
    desk_on_each: Desk, command: str
) -> None:
    desk = desk_on_each
    desk.phones(1)
    desk.says("cancelled")
    desk.pass_time(61)
    desk.ask_the_host()
    found_at = utc(the_row(desk).found_at)
    said = desk.say(command, STREAM)
    assert said.startswith(f"stream {STREAM}: to come, nothing was announced\n")
    assert (
        f"found: the app has answered cancelled at {found_at}; it is over if the next answer is a "
        "state, too\n"
    ) in said
    report = desk.ask(command, STREAM)
    assert (report["found_state"], report["found_at"]) == ("cancelled", found_at)
    desk.pass_time(61)
    desk.ask_the_host()
    said = desk.say(command, STREAM)
    assert said.startswith(
        f"stream {STREAM}: cancelled, revision 1, found when the app was asked\n"
    )
    assert "asked next" not in said
    report = desk.ask(command, STREAM)
    assert (report["source"], report["found_state"]) == ("found", None)


def test_a_countdown_that_has_expired_without_an_answer_is_said_to_wait_for_one(
    desk: Desk, command: str
) -> None:
    desk.phones(1)
    desk.change(a_countdown(within=10, expires_after=10))
    desk.pass_time(61)
    installation(desk.app).callbacks.streams = lambda ids: {}
    desk.ask_the_host()
    since = utc(the_row(desk).silent_since)
    assert f"expired: the app has not answered since {since}; it is over by itself after 300 s" in (
        desk.say(command, STREAM)
    )
    assert desk.ask(command, STREAM)["silent_since"] == since
    for _ in range(6):
        desk.pass_time(61)
        desk.ask_the_host()
    assert f"stream {STREAM}: expired, revision 2, by itself\n" in desk.say(command, STREAM)


def test_a_stream_whose_end_was_said_says_no_source(desk: Desk, command: str) -> None:
    desk.end(state="started")
    assert desk.say(command, STREAM).startswith(f"stream {STREAM}: started, revision 1\n")
    assert desk.ask(command, STREAM)["source"] == "said"


# --- how many -------------------------------------------------------------------------------------


def test_updates_are_counted_apart_from_ends(desk_on_each: Desk) -> None:
    desk = desk_on_each
    _, bad = desk.phones(2)
    desk.apns.answer(bad, Answer.too_many_requests(retry_after=500))
    desk.change(a_countdown())
    desk.say("deliver")
    desk.pass_time(90)
    report = desk.ask("status")
    assert (report["pending"], report["oldest_pending_seconds"]) == (0, None)
    assert (report["updates_pending"], report["updated"]) == (1, 1)
    assert report["oldest_update_seconds"] >= 90
    assert report["waiting"] == {"TooManyRequests": 1}
    said = desk.say("status")
    assert "pending  0\n" in said
    assert re.search(r"^updates  1 pending, the oldest for \d+ s; 1 told$", said, re.MULTILINE)
    assert "1 refused before: TooManyRequests" in said
    assert "not refused" not in said
    assert desk.run("status", "--fail-if-older", "1").exit_code == 0


def test_where_there_are_no_updates_they_are_not_spoken_of(desk: Desk) -> None:
    desk.phones(1)
    assert "updates" not in desk.say("status")


def test_ends_that_were_found_are_counted(desk: Desk) -> None:
    desk.phones(1)
    desk.end(OTHER_STREAM)
    assert "found" not in desk.say("status")
    desk.says("ready")
    for _ in range(2):
        desk.pass_time(61)
        desk.ask_the_host()
    assert desk.ask("status")["ends_found"] == 1
    assert "found    1 streams had ended, and the app had not said so" in desk.say("status")
    assert desk.ask("status", OTHER_STREAM)["ends_found"] == 0


# --- each phone -----------------------------------------------------------------------------------


def test_each_phone_says_what_it_has_been_told(desk: Desk) -> None:
    told, bad = desk.phones(2)
    desk.apns.answer(bad, Answer.too_many_requests(retry_after=500))
    desk.change(a_countdown())
    desk.say("deliver")
    rows = {row["token_fingerprint"]: row for row in desk.ask("why", STREAM)["phones"]}
    one, other = rows[fingerprint(told)], rows[fingerprint(bad)]
    assert (one["delivered"], one["pending"], one["answer"]) == (1, False, "accepted")
    assert (other["delivered"], other["pending"], other["answer"]) == (0, True, "TooManyRequests")
    lines = {line.split()[0]: line.split() for line in desk.say("why", STREAM).splitlines()}
    assert lines[fingerprint(told)][4:7] == ["active", "1", "0"]
    assert lines[fingerprint(bad)][4:7] == ["active", "-", "1"]
    assert " ".join(lines[fingerprint(told)][7:]) == "accepted at the next update or the end"
    listed = {line.split()[0]: line.split()[1] for line in desk.say("sessions").splitlines()}
    assert listed["STATUS"] == "TOLD"


def test_a_phone_of_a_countdown_that_it_has_not_been_told_of_waits_for_it(desk: Desk) -> None:
    desk.change(a_countdown())
    desk.phones(1)
    (row,) = desk.ask("why", STREAM)["phones"]
    assert (row["pending"], row["delivered"]) == (True, 0)
    desk.say("deliver")
    desk.end()
    (row,) = desk.ask("why", STREAM)["phones"]
    assert (row["pending"], row["delivered"], row["answer"]) == (True, 1, None)
