"""The outbox: what it holds, what it answers, and who has registered."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_allmine_liveactivity import Verdict, notify_stream_state
from flask_allmine_liveactivity.testing import Outbox, capture_pushes, deliver_now

from .host import OTHER_STREAM, STREAM

FIRST = "ab" * 80
SECOND = "cd" * 80


@pytest.fixture
def outbox(live_activity_outbox: Outbox) -> Outbox:
    return live_activity_outbox


def say(app: Flask, state: str = "ready", stream_id: str = STREAM, **said: Any) -> None:
    with app.app_context():
        notify_stream_state(stream_id, state, **said)


# --- what was sent ---------------------------------------------------------------------------


def test_it_is_empty_at_first(outbox: Outbox) -> None:
    assert (len(outbox), list(outbox)) == (0, [])


def test_a_push_has_what_the_phone_and_apple_get(app: Flask, outbox: Outbox) -> None:
    now = int(time.time())
    outbox.register(STREAM, user_id="ada", device_id="iphone", activity_id="countdown", token=FIRST)
    alert = {"title": "Allmine", "body": "We are live"}
    say(app, content_state={"phase": "live"}, alert=alert, dismiss_after=300)
    push = outbox[0]
    assert (push.event, push.content_state, push.alert) == ("end", {"phase": "live"}, alert)
    assert now <= push.timestamp <= time.time()
    assert push.dismissal_date is not None
    assert now + 300 <= push.dismissal_date <= time.time() + 300
    assert push.payload == {
        "aps": {
            "timestamp": push.timestamp,
            "event": "end",
            "dismissal-date": push.dismissal_date,
            "content-state": {"phase": "live"},
            "alert": alert,
        }
    }
    assert (push.token, push.stream_id, push.user_id) == (FIRST, STREAM, "ada")
    assert (push.device_id, push.activity_id) == ("iphone", "countdown")
    assert push.priority == 10
    assert now + 12 * 3600 - 1 <= push.expiration <= time.time() + 12 * 3600
    assert push.verdict is Verdict.DELIVERED


def test_what_a_push_does_not_carry_is_none(app: Flask, outbox: Outbox) -> None:
    app.extensions["live_activity"].callbacks.content_state = None
    outbox.register(STREAM)
    say(app, dismiss_after=None)
    assert (outbox[0].content_state, outbox[0].alert, outbox[0].dismissal_date) == (None,) * 3


def test_pushes_stand_in_the_order_in_which_they_were_sent(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM, token=FIRST)
    outbox.register(OTHER_STREAM, token=SECOND)
    say(app, stream_id=OTHER_STREAM)
    say(app)
    assert [push.token for push in outbox] == [SECOND, FIRST]
    assert outbox[-1].token == FIRST
    assert [push.stream_id for push in outbox[:1]] == [OTHER_STREAM]


def test_clear_forgets_what_was_sent_and_nothing_else(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM, token=FIRST)
    outbox.register(OTHER_STREAM, token=SECOND)
    outbox.answer(SECOND, "gone")
    say(app)
    outbox.clear()
    assert len(outbox) == 0
    say(app, stream_id=OTHER_STREAM)
    assert [(push.token, push.verdict) for push in outbox] == [(SECOND, Verdict.GONE)]


def test_neither_it_nor_its_pushes_show_a_token(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM, token=FIRST)
    say(app)
    assert FIRST not in repr(outbox) + repr(outbox[0]) + str(list(outbox))
    assert "end" in repr(outbox)


def test_a_payload_is_json(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM)
    say(app, content_state={"größe": "🚲"})
    assert json.loads(json.dumps(outbox[0].payload)) == outbox[0].payload


# --- what is answered ------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_may_be_a_member_or_its_string(
    app: Flask, outbox: Outbox, verdict: Verdict
) -> None:
    for number, given in enumerate((verdict, verdict.value)):
        outbox.clear()
        stream_id = f"{STREAM[:-1]}{number}"
        outbox.answer(outbox.register(stream_id), given)
        say(app, stream_id=stream_id)
        assert outbox[0].verdict is verdict


@pytest.mark.parametrize(
    ("verdict", "count"), [("gone", "gone"), ("retry", "retrying"), ("rejected", "rejected")]
)
def test_the_report_counts_what_was_answered(
    app: Flask, outbox: Outbox, verdict: str, count: str
) -> None:
    outbox.register(STREAM)
    outbox.answer(outbox.register(STREAM), verdict)
    with app.app_context():
        report = notify_stream_state(STREAM, "ready")
    assert (report.delivered, getattr(report, count)) == (1, 1)


def test_an_answer_is_for_one_push(app: Flask, outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    outbox.answer(token, "unreachable")
    say(app)
    deliver_now(app)
    assert [push.verdict for push in outbox] == [Verdict.UNREACHABLE, Verdict.DELIVERED]


def test_answers_come_in_the_order_in_which_they_were_told(app: Flask, outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    outbox.answer(token, "unreachable")
    outbox.answer(token, "retry")
    say(app)
    for minutes in (1, 2):
        deliver_now(app, timedelta(minutes=minutes))
    assert [push.verdict for push in outbox] == ["unreachable", "retry", "delivered"]


def test_an_answer_can_be_for_always_until_it_is_taken_back(app: Flask, outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    outbox.answer_always(token, "unreachable")
    say(app)
    deliver_now(app)
    outbox.answer_always(token, None)
    deliver_now(app)
    assert [push.verdict for push in outbox] == ["unreachable", "unreachable", "delivered"]


def test_an_answer_that_was_told_comes_before_one_for_always(app: Flask, outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    outbox.answer_always(token, "unreachable")
    outbox.answer(token, "retry")
    say(app)
    deliver_now(app, timedelta(minutes=1))
    assert [push.verdict for push in outbox] == ["retry", "unreachable"]


@pytest.mark.parametrize(("given", "stored"), [(None, "Unregistered"), ("ExpiredToken",) * 2])
def test_a_reason_is_apples_where_none_is_given(
    app: Flask, outbox: Outbox, given: str | None, stored: str
) -> None:
    outbox.answer(outbox.register(STREAM), "gone", reason=given)
    say(app)
    assert dict(outbox.parts.storage.counts(time.time()).dead) == {stored: 1}


def test_a_token_that_died_before_it_registered_is_tried_again(app: Flask, outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    outbox.answer(token, "gone", gone_since=time.time() - 3600)
    say(app)
    assert outbox.parts.storage.counts(time.time()).pending == 1


def test_a_verdict_that_there_is_not_is_refused_by_name(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match=r"'delivered', 'gone', .*not 'dead'"):
        outbox.answer(FIRST, "dead")
    with pytest.raises(ValueError, match="not 'dead'"):
        outbox.answer_always(FIRST, "dead")


# --- who has registered ----------------------------------------------------------------------


def test_a_phone_needs_no_more_than_a_stream(app: Flask, outbox: Outbox) -> None:
    tokens = [outbox.register(stream_id=STREAM) for _ in range(3)]
    say(app)
    assert sorted(push.token for push in outbox) == sorted(tokens)
    assert len({push.device_id for push in outbox}) == 3
    assert len({push.activity_id for push in outbox}) == 3


def test_a_made_up_token_looks_like_one_of_apples(outbox: Outbox) -> None:
    token = outbox.register(STREAM)
    assert len(bytes.fromhex(token)) == 80


def test_the_guard_is_not_asked(app: Flask, outbox: Outbox) -> None:
    app.extensions["live_activity"].callbacks.guard = None
    outbox.register(STREAM, user_id="eve")
    say(app)
    assert [push.user_id for push in outbox] == ["eve"]


def test_who_comes_late_is_told_at_once(app: Flask, outbox: Outbox) -> None:
    say(app)
    token = outbox.register(STREAM)
    assert [push.token for push in outbox] == [token]


def test_who_comes_late_to_an_outer_block_is_told_there(app: Flask, outbox: Outbox) -> None:
    say(app)
    with capture_pushes(app) as inner:
        outbox.register(STREAM)
    assert (len(inner), len(outbox)) == (0, 1)


def test_a_stream_id_is_taken_as_everywhere(app: Flask, outbox: Outbox) -> None:
    outbox.register(STREAM.upper())
    with pytest.raises(ValueError, match="stream id"):
        outbox.register("no stream id")
    say(app)
    assert [push.stream_id for push in outbox] == [STREAM]


def test_a_token_that_another_user_holds_is_refused(outbox: Outbox) -> None:
    outbox.register(STREAM, user_id="ada", token=FIRST)
    with pytest.raises(ValueError, match="409") as caught:
        outbox.register(STREAM, user_id="eve", token=FIRST)
    assert FIRST not in str(caught.value)


def test_the_same_phone_again_changes_its_token(app: Flask, outbox: Outbox) -> None:
    for token in (FIRST, SECOND):
        outbox.register(STREAM, device_id="iphone", activity_id="countdown", token=token)
    say(app)
    assert [push.token for push in outbox] == [SECOND]


def test_many_phones_of_one_user_may_register(app: Flask, outbox: Outbox) -> None:
    for _ in range(150):
        outbox.register(STREAM)
    say(app)
    assert len(outbox) == 150
