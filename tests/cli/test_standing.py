"""``status``: who waits and until when, what is held, and what is known of a stream."""

from __future__ import annotations

import time
from typing import Any

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation

from flask_allmine_liveactivity.app.operations import standing
from flask_allmine_liveactivity.cli.printing import utc
from flask_allmine_liveactivity.model import StreamEvent
from flask_allmine_liveactivity.simulator import Answer

from .desk import HOUR, Desk


def test_it_says_when_those_that_were_refused_are_tried_again(desk_on_each: Desk) -> None:
    desk = desk_on_each
    (early,) = desk.phones(1)
    desk.apns.answer_all(Answer.bad_device_token())
    desk.end()
    desk.say("deliver")
    desk.pass_time(300)
    desk.phones(3, first=2)
    desk.say("resend", OTHER_STREAM)
    desk.run("deliver")
    first = min(session.due_at for session in desk.sessions if session.token == early)
    assert desk.ask("status")["next_tries"] == {"BadDeviceToken": utc(first)}
    assert f"4 refused before: BadDeviceToken, next try {utc(first)}" in desk.say("status")
    assert f"4 refused before: BadDeviceToken, next try {utc(first)}" in desk.say("status", STREAM)
    desk.pass_time(HOUR)
    assert "4 refused before: BadDeviceToken, next try now" in desk.say("status")


def test_it_says_of_those_that_were_not_refused_that_they_were_not(desk: Desk) -> None:
    desk.phones(2)
    desk.end()
    assert "2 not refused: not tried yet, under way, or held" in desk.say("status")


def held(desk: Desk, stream: str, reason: str, since: float, due_at: float) -> StreamEvent:
    storage = installation(desk.app).storage
    desk.end(stream)
    event = storage.streams.read(stream)
    assert event is not None
    storage.streams.hold(event, reason, since, due_at)
    return event


def test_a_hold_is_shown_with_its_reason_since_when_and_the_next_try(desk: Desk) -> None:
    now = time.time()
    held(desk, STREAM, "InvalidProviderToken", now - 90, now + 500)
    assert (
        f"held     {STREAM}: InvalidProviderToken, since {utc(now - 90)}, next try {utc(now + 500)}"
    ) in desk.say("status")
    (hold,) = desk.ask("status")["held"]
    assert (hold["next_try"], hold["needs_a_person"]) == (utc(now + 500), True)


def test_while_apple_does_not_answer_it_says_since_when_and_that_nobody_has_to_do_anything(
    desk_on_each: Desk,
) -> None:
    desk = desk_on_each
    desk.phones(20)
    desk.end()
    with desk.apns.outage():
        assert desk.run("deliver").exit_code == 1
    event = installation(desk.app).storage.streams.read(STREAM)
    assert event is not None
    said = desk.say("status")
    assert "pending  20" in said
    since = f"no answer from the push service since {utc(event.held_since)} (libcurl "
    assert f"silent   {STREAM}: {since}" in said
    assert "): tried again by itself\n" in said
    (hold,) = desk.ask("status", STREAM)["held"]
    assert (hold["since"], hold["needs_a_person"]) == (utc(event.held_since), False)
    assert f"silent: {since}" in desk.say("why", STREAM)
    desk.pass_time(1)
    desk.say("deliver")
    assert "silent" not in desk.say("status")


def test_more_holds_than_are_shown_are_said_to_be_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "HELD_SHOWN", 1)
    now = time.time()
    held(desk, STREAM, "BadTopic", now - 9, now + 9)
    assert desk.ask("status")["more_held"] is False
    held(desk, OTHER_STREAM, "BadTopic", now, now + 9)
    report = desk.ask("status")
    assert ([hold["stream"] for hold in report["held"]], report["more_held"]) == ([STREAM], True)
    said = desk.say("status")
    assert OTHER_STREAM not in said
    assert "more than these 1; name a stream to see its own" in said


# --- what is known of a stream --------------------------------------------------------------------


def known(desk: Desk) -> tuple[Any, ...]:
    report = desk.ask("status", STREAM)
    return report["known"], report["state"], report["revision"]


def test_of_a_stream_of_which_nothing_is_known_it_says_so(desk_on_each: Desk) -> None:
    desk = desk_on_each
    said = desk.say("status", STREAM)
    assert said == (
        f"Nothing is known of stream {STREAM}: no phone has registered for it, nothing was "
        "announced.\n"
    )
    assert known(desk) == (False, None, None)


def test_a_stream_for_which_a_phone_has_registered_is_to_come(desk: Desk) -> None:
    desk.phones(1)
    assert f"stream {STREAM}: to come, nothing was announced\n" in desk.say("status", STREAM)
    assert known(desk) == (True, None, 0)


def test_a_stream_that_has_ended_without_a_phone_is_known(desk: Desk) -> None:
    desk.end(state="expired")
    assert f"stream {STREAM}: expired, revision 1\n" in desk.say("status", STREAM)
    assert known(desk) == (True, "expired", 1)


def test_a_stream_that_was_reopened_is_to_come(desk: Desk) -> None:
    desk.end()
    desk.say("reopen", STREAM)
    assert f"stream {STREAM}: to come, revision 2\n" in desk.say("status", STREAM)
    assert known(desk) == (True, None, 2)


def test_a_stream_is_known_by_those_that_were_given_up(desk: Desk) -> None:
    desk.phones(1)
    desk.apns.answer_all(Answer.gone(time.time() + 60))
    desk.end()
    desk.say("deliver")
    assert known(desk)[0] is True


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon", ""])
@pytest.mark.parametrize("command", ["status --fail-if-older", "purge --older-than"])
def test_what_is_no_duration_is_refused(desk: Desk, command: str, seconds: str) -> None:
    """``nan`` is older than nothing, and on PostgreSQL all rows are older than it."""
    desk.phones(1)
    assert desk.run(*command.split(), seconds).exit_code == 2
    assert len(desk.sessions) == 1
