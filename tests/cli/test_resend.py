"""``resend``: what was refused is tried at once, when its cause was mended."""

from __future__ import annotations

import logging
import time

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation

from flask_allmine_liveactivity import SessionStatus
from flask_allmine_liveactivity.push.answers import remedy_of
from flask_allmine_liveactivity.simulator import Answer
from flask_allmine_liveactivity.simulator.reasons import REASONS

from .desk import HOUR, Desk

ACTIVE, ENDED, DEAD = SessionStatus.ACTIVE, SessionStatus.ENDED, SessionStatus.DEAD


def wrong_environment(desk: Desk) -> None:
    desk.apns.answer_all(Answer.bad_device_token())


def mended(desk: Desk) -> None:
    desk.apns.answer_all(None)


def test_after_the_wrong_environment_all_are_told_at_once(desk_on_each: Desk) -> None:
    """The field's main mistake: nobody waits for a quarter of an hour once it is mended."""
    desk = desk_on_each
    desk.phones(20)
    wrong_environment(desk)
    desk.end()
    desk.say("deliver")
    assert desk.ask("status")["waiting"] == {"BadDeviceToken": 20}
    mended(desk)
    desk.pass_time(1)
    assert desk.ask("deliver")["delivered"] == 0
    assert desk.ask("resend") == {"sessions": 20, "streams": 1, "holds_lifted": 0}
    desk.pass_time(1)
    assert desk.ask("deliver")["delivered"] == 20
    assert desk.statuses == {ENDED}


def test_who_was_refused_has_all_tries_again(desk: Desk) -> None:
    desk.phones(1)
    wrong_environment(desk)
    desk.end()
    for wait in (0, HOUR):
        desk.pass_time(wait)
        desk.say("deliver")
    (session,) = desk.sessions
    assert session.rejections == 2
    desk.say("resend")
    (session,) = desk.sessions
    assert (session.rejections, session.attempts, session.reason) == (0, 0, None)
    for wait in (1, HOUR):
        desk.pass_time(wait)
        desk.say("deliver")
    assert desk.statuses == {ACTIVE}


def test_those_that_wait_and_those_given_up_are_brought_back_together(desk: Desk) -> None:
    desk.phones(3)
    wrong_environment(desk)
    desk.end()
    for _ in range(3):
        desk.say("deliver")
        desk.pass_time(2 * HOUR)
    assert desk.statuses == {DEAD}
    desk.phones(4, OTHER_STREAM, first=10)
    desk.end(OTHER_STREAM)
    desk.say("deliver")
    assert desk.ask("resend") == {"sessions": 7, "streams": 2, "holds_lifted": 0}
    mended(desk)
    desk.pass_time(1)
    desk.say("deliver")
    assert desk.statuses == {ENDED}


def test_who_backs_off_after_an_error_of_apples_is_tried_at_once(desk: Desk) -> None:
    desk.phones(2)
    desk.apns.answer_all(Answer.too_many_requests(retry_after=500))
    desk.end()
    desk.say("deliver")
    desk.apns.answer_all(None)
    assert desk.ask("resend", STREAM)["sessions"] == 2
    desk.pass_time(1)
    assert desk.ask("deliver")["delivered"] == 2


def test_a_resend_of_one_stream_leaves_the_waits_of_others(desk: Desk) -> None:
    desk.phones(1)
    wrong_environment(desk)
    desk.end()
    desk.say("deliver")
    assert desk.ask("resend", OTHER_STREAM)["sessions"] == 0
    assert desk.sessions[0].rejections == 1


def test_a_held_stream_is_looked_at_at_once(desk: Desk) -> None:
    desk.phones(2)
    desk.apns.answer_all(Answer.invalid_provider_token())
    desk.end()
    assert desk.run("deliver").exit_code == 1
    desk.apns.answer_all(None)
    assert desk.ask("deliver")["delivered"] == 0
    assert desk.ask("resend") == {"sessions": 0, "streams": 0, "holds_lifted": 1}
    desk.pass_time(1)
    assert desk.ask("deliver")["delivered"] == 2


def test_a_stream_that_rests_for_long_is_looked_at_at_once(desk: Desk) -> None:
    """Its event, too, waits until the first of its phones is due."""
    desk.phones(1)
    wrong_environment(desk)
    desk.end()
    desk.say("deliver")
    storage = installation(desk.app).storage
    assert storage.streams.due(time.time() + 60, 10) == []
    desk.say("resend")
    assert [event.stream_id for event in storage.streams.due(time.time(), 10)] == [STREAM]


def test_a_push_that_is_under_way_is_left_alone(desk: Desk) -> None:
    desk.phones(1)
    wrong_environment(desk)
    desk.end()
    desk.say("deliver")
    desk.pass_time(HOUR)
    now = time.time()
    installation(desk.app).storage.sessions.claim(
        STREAM, 1, claim_id="c" * 32, limit=1, now=now, leased_until=now + 60
    )
    assert desk.ask("resend")["sessions"] == 0
    assert desk.sessions[0].claim_id == "c" * 32


def test_where_nothing_was_refused_it_says_so(desk: Desk) -> None:
    desk.phones(1)
    assert "Nobody has been refused, and nothing was held." in desk.say("resend")
    assert "Nobody has been refused, and nothing was held." in desk.say("resend", OTHER_STREAM)


@pytest.mark.parametrize("reason", sorted(filter(remedy_of, REASONS)))
def test_what_the_log_says_to_run_helps(
    desk: Desk, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    """Each message that names ``resend`` is followed to the letter."""
    desk.phones(6)
    desk.apns.answer_all(Answer.of(reason))
    desk.end()
    desk.run("deliver")
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "`flask live-activity resend`" in said
    assert "restart" in said
    desk.apns.answer_all(None)
    desk.say("resend")
    desk.pass_time(1)
    assert desk.ask("deliver")["delivered"] == 6
