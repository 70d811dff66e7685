"""``notify_stream_state``, ``reopen_stream``, ``release`` and ``forget_user``."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from flask_allmine_liveactivity import (
    DeliveryReport,
    MemoryPush,
    PayloadTooLarge,
    PushResult,
    StreamState,
    Verdict,
    notify_stream_state,
)
from flask_allmine_liveactivity.model import NEVER

from .apps import STREAM, TOKEN, installation, register, told, until

Make = Callable[..., Flask]


def notify(app: Flask, state: Any = "ready", stream: Any = STREAM, **said: Any) -> DeliveryReport:
    with app.app_context():
        return notify_stream_state(stream, state, **said)


def aps(app: Flask) -> dict[str, Any]:
    """What the last push says."""
    return json.loads(installation(app).push.sent[-1].payload)["aps"]  # type: ignore[attr-defined]


def event_of(app: Flask, stream: str = STREAM) -> Any:
    return installation(app).storage.streams.read(stream)


def answering(verdict: Verdict, reason: str | None = None) -> MemoryPush:
    return MemoryPush(lambda push: PushResult(push, verdict, reason=reason))


# --- what it takes --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*StreamState, *map(str, StreamState)])
def test_each_state_ends_the_live_activities(app: Flask, state: str) -> None:
    register(app)
    notify(app, state)
    assert told(app) == [TOKEN]
    assert aps(app)["event"] == "end"


@pytest.mark.parametrize("state", ["READY", "canceled", "ended", "", None, 1, True, ["ready"]])
def test_another_state_is_a_value_error_that_lists_the_four(app: Flask, state: Any) -> None:
    with pytest.raises(ValueError, match="'cancelled', 'ready', 'started', 'expired'"):
        notify(app, state)
    assert event_of(app) is None


@pytest.mark.parametrize("stream", [STREAM, STREAM.upper(), ObjectId(STREAM)])
def test_a_stream_id_may_be_a_string_or_an_object_id(app: Flask, stream: Any) -> None:
    register(app)
    assert notify(app, stream=stream).stream_id == STREAM
    assert told(app) == [TOKEN]


@pytest.mark.parametrize("stream", ["", "7", None, 7, b"65f000000000000000000001", STREAM + "\n"])
def test_a_bad_stream_id_is_a_value_error(app: Flask, stream: Any) -> None:
    with pytest.raises(ValueError, match="a stream id must"):
        notify(app, stream=stream)


def test_a_stream_id_of_the_hosts_own_form(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"live-\d+")
    register(app, streamId="live-7")
    notify(app, stream="live-7")
    assert told(app) == [TOKEN]


# --- what the push says ---------------------------------------------------------------------------


def test_without_a_content_state_the_push_carries_none(app: Flask) -> None:
    register(app)
    notify(app)
    assert "content-state" not in aps(app)
    assert "alert" not in aps(app)


def test_an_explicit_content_state_is_sent_as_it_is(app: Flask) -> None:
    content = {"phase": "Değişti", "viewers": 12, "nested": {"a": [1, None, True]}}
    register(app)
    notify(app, content_state=content)
    assert aps(app)["content-state"] == content


def test_an_empty_content_state_is_one(app: Flask) -> None:
    register(app)
    notify(app, content_state={})
    assert aps(app)["content-state"] == {}


def test_the_content_state_callback_is_asked_for_the_stream_and_its_state(app: Flask) -> None:
    installation(app).callbacks.content_state = lambda stream, state: {"of": stream, "is": state}
    register(app)
    notify(app, "started")
    assert aps(app)["content-state"] == {"of": STREAM, "is": "started"}


def test_an_explicit_content_state_wins_over_the_callback(app: Flask) -> None:
    asked: list[str] = []
    installation(app).callbacks.content_state = lambda stream, state: asked.append(stream)
    register(app)
    notify(app, content_state={"a": 1})
    assert (aps(app)["content-state"], asked) == ({"a": 1}, [])


def test_a_callback_that_fails_does_not_cost_the_end(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def callback(stream: str, state: StreamState) -> Any:
        raise LookupError("no such row")

    installation(app).callbacks.content_state = callback
    register(app)
    with caplog.at_level(logging.ERROR):
        notify(app)
    assert "content-state" not in aps(app)
    assert "no such row" in caplog.text


def test_an_alert_is_sent(app: Flask) -> None:
    register(app)
    notify(app, alert={"title": "It is on", "body": "Now", "sound": "default"})
    assert aps(app)["alert"] == {"title": "It is on", "body": "Now", "sound": "default"}


@pytest.mark.parametrize("name", ["content_state", "alert"])
@pytest.mark.parametrize("value", ["text", 7, [1], {"a": object()}, {"a": b"x"}, {("a",): 1}])
def test_what_is_no_mapping_of_json_values_is_a_type_error(
    app: Flask, name: str, value: Any
) -> None:
    with pytest.raises(TypeError):
        notify(app, **{name: value})
    assert event_of(app) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_a_value_error(app: Flask, value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        notify(app, content_state={"a": value})
    assert event_of(app) is None


@pytest.mark.parametrize("name", ["content_state", "alert"])
def test_what_is_over_apples_limit_stores_nothing(app: Flask, name: str) -> None:
    register(app)
    with pytest.raises(PayloadTooLarge, match="4096"):
        notify(app, **{name: {"title": "x" * 4096}})
    assert event_of(app).event is None
    assert register(app).status_code == 200
    assert told(app) == []


def test_what_is_over_apples_limit_leaves_what_was_said_before(app: Flask) -> None:
    notify(app, "ready")
    with pytest.raises(PayloadTooLarge):
        notify(app, "started", content_state={"x": "y" * 5000})
    assert event_of(app).state is StreamState.READY


def test_a_callback_over_apples_limit_is_said_to_the_notifier(app: Flask) -> None:
    installation(app).callbacks.content_state = lambda stream, state: {"x": "y" * 5000}
    with pytest.raises(PayloadTooLarge):
        notify(app)


def dismissed_after(app: Flask) -> float | None:
    date = aps(app).get("dismissal-date")
    return None if date is None else date - time.time()


def test_an_ended_activity_leaves_the_lock_screen_at_once(app: Flask) -> None:
    register(app)
    notify(app)
    assert dismissed_after(app) == pytest.approx(0, abs=3)


@pytest.mark.parametrize("after", [600, 600.0, timedelta(minutes=10)])
def test_dismiss_after_is_seconds_or_a_timedelta(app: Flask, after: Any) -> None:
    register(app)
    notify(app, dismiss_after=after)
    assert dismissed_after(app) == pytest.approx(600, abs=3)


def test_dismiss_after_none_leaves_it_to_ios(app: Flask) -> None:
    register(app)
    notify(app, dismiss_after=None)
    assert dismissed_after(app) is None


@pytest.mark.parametrize("after", ["600", -1, True, float("nan"), [], timedelta(seconds=-1)])
def test_a_dismiss_after_that_is_none_is_a_value_error(app: Flask, after: Any) -> None:
    with pytest.raises(ValueError, match="dismiss_after must be seconds"):
        notify(app, dismiss_after=after)
    assert event_of(app) is None


@pytest.mark.parametrize(
    ("state", "after"), [("cancelled", 60), ("ready", None), ("started", 0), ("expired", 0)]
)
def test_dismissal_is_set_by_state(apps: Make, state: str, after: float | None) -> None:
    app = apps(LIVE_ACTIVITY_DISMISS_AFTER={"cancelled": timedelta(minutes=1), "ready": None})
    register(app)
    notify(app, state)
    assert dismissed_after(app) == (None if after is None else pytest.approx(after, abs=3))


def test_an_argument_wins_over_the_setting(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_DISMISS_AFTER=None)
    register(app)
    notify(app, dismiss_after=0)
    assert dismissed_after(app) == pytest.approx(0, abs=3)


# --- said again -----------------------------------------------------------------------------------


def test_the_same_state_twice_tells_nobody_twice(app: Flask) -> None:
    register(app)
    assert [notify(app).revision for _ in range(3)] == [1, 1, 1]
    assert told(app) == [TOKEN]


def test_ready_and_then_started_is_told_as_well(app: Flask) -> None:
    register(app)
    assert [notify(app, state).revision for state in ("ready", "started")] == [1, 2]
    assert event_of(app).state is StreamState.STARTED


def test_who_was_told_of_ready_is_not_told_of_started(app: Flask) -> None:
    """Its Live Activity is over."""
    register(app)
    notify(app, "ready")
    report = notify(app, "started")
    assert told(app) == [TOKEN]
    assert report.delivered == 0


def test_who_was_not_told_of_ready_is_told_of_started(
    apps: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = answering(Verdict.UNREACHABLE)
    app = apps(given={"push": push})
    register(app)
    notify(app, "ready", content_state={"phase": "ready"})
    push.answer = lambda sent: PushResult(sent, Verdict.DELIVERED)
    two_seconds_later = time.time() + 2
    monkeypatch.setattr(time, "time", lambda: two_seconds_later)
    notify(app, "started", content_state={"phase": "started"})
    assert aps(app)["content-state"] == {"phase": "started"}


def test_timestamps_rise_with_every_change(app: Flask) -> None:
    """iOS drops what is older than what it has seen."""
    stamps = []
    for state in ("ready", "started", "cancelled"):
        notify(app, state)
        stamps.append(event_of(app).timestamp)
    assert stamps == sorted(set(stamps))


# --- the report -----------------------------------------------------------------------------------


def test_inline_the_report_is_full(app: Flask) -> None:
    register(app)
    register(app, activityId="b", liveActivityToken="b")
    assert notify(app) == DeliveryReport(
        stream_id=STREAM,
        state=StreamState.READY,
        revision=1,
        queued=False,
        delivered=2,
        gone=0,
        retrying=0,
        rejected=0,
    )


@pytest.mark.parametrize(
    ("verdict", "count"),
    [
        (Verdict.GONE, "gone"),
        (Verdict.RETRY, "retrying"),
        (Verdict.REJECTED, "rejected"),
        (Verdict.UNREACHABLE, "retrying"),
        (Verdict.MISCONFIGURED, "retrying"),
    ],
)
def test_inline_the_report_says_what_became_of_each(
    apps: Make, verdict: Verdict, count: str
) -> None:
    app = apps(given={"push": answering(verdict, "Reason")})
    register(app)
    report = notify(app)
    counts = {name: getattr(report, name) for name in ("delivered", "gone", "retrying", "rejected")}
    assert counts == {"delivered": 0, "gone": 0, "retrying": 0, "rejected": 0, count: 1}


def counts_of(report: DeliveryReport) -> tuple[int | None, ...]:
    return report.delivered, report.gone, report.retrying, report.rejected


def test_inline_the_counts_add_up_over_all_verdicts(
    apps: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the run in which tokens are given up."""
    verdicts = [*Verdict] * 2
    said = {f"t{number}": verdict for number, verdict in enumerate(verdicts)}
    push = MemoryPush(
        lambda push: PushResult(push, said[push.token], reason="Reason", gone_since=NEVER)
    )
    app = apps(given={"push": push}, LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None)
    # Those that stop a run come last, or the others would not be asked.
    stops = (Verdict.UNREACHABLE, Verdict.MISCONFIGURED)
    for number in sorted(range(len(verdicts)), key=lambda number: verdicts[number] in stops):
        register(app, activityId=f"a{number}", liveActivityToken=f"t{number}")
    to_be_told = len(verdicts)
    now = time.time()
    for _ in range(4):
        report = notify(app)
        counts = counts_of(report)
        assert sum(count or 0 for count in counts) == to_be_told, counts
        to_be_told = installation(app).storage.counts(time.time()).pending
        now += 2 * 3600
        monkeypatch.setattr(time, "time", lambda now=now: now)


def test_inline_who_is_given_up_is_not_taken_off_those_that_wait(
    apps: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {"b0", "b1"}
    push = MemoryPush(
        lambda push: PushResult(push, Verdict.REJECTED if push.token in bad else Verdict.RETRY)
    )
    app = apps(given={"push": push})
    for token in ("b0", "b1", "r0", "r1", "r2"):
        register(app, activityId=token, liveActivityToken=token)
    now = time.time()
    for given_up in (False, False, True):
        assert counts_of(notify(app)) == (0, 0, 3, 2)
        pending = installation(app).storage.counts(time.time()).pending
        assert pending == (3 if given_up else 5)
        now += 2 * 3600
        monkeypatch.setattr(time, "time", lambda now=now: now)
    assert counts_of(notify(app)) == (0, 0, 3, 0)


def test_inline_who_waits_since_an_earlier_call_is_among_the_retrying(apps: Make) -> None:
    app = apps(given={"push": answering(Verdict.REJECTED, "BadDeviceToken")})
    register(app)
    assert counts_of(notify(app)) == (0, 0, 0, 1)
    assert counts_of(notify(app)) == (0, 0, 1, 0)


@pytest.mark.parametrize("delivery", ["thread", "worker"])
def test_in_the_background_the_counts_are_none(apps: Make, delivery: str) -> None:
    app = apps(LIVE_ACTIVITY_DELIVERY=delivery)
    register(app)
    assert notify(app) == DeliveryReport(
        stream_id=STREAM, state=StreamState.READY, revision=1, queued=True
    )


def test_the_thread_delivers_at_once(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_DELIVERY="thread", LIVE_ACTIVITY_SWEEP_INTERVAL=30)
    register(app)
    notify(app)
    assert until(lambda: told(app) == [TOKEN], 10)


def test_a_late_registration_is_told_by_the_thread_at_once(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_DELIVERY="thread", LIVE_ACTIVITY_SWEEP_INTERVAL=30)
    notify(app)
    assert register(app).status_code == 409
    assert until(lambda: told(app) == [TOKEN], 10)


def test_with_a_worker_elsewhere_this_process_only_writes(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_DELIVERY="worker")
    register(app)
    notify(app)
    assert told(app) == []
    assert installation(app).storage.counts(time.time()).pending == 1


def test_a_report_cannot_be_changed(app: Flask) -> None:
    with pytest.raises(AttributeError):
        notify(app).delivered = 5


# --- reopened -------------------------------------------------------------------------------------


@pytest.fixture
def reopen(app: Flask) -> Callable[..., None]:
    from flask_allmine_liveactivity import LiveActivity

    def call(stream: Any = STREAM) -> None:
        with app.app_context():
            LiveActivity().reopen_stream(stream)

    return call


def test_a_reopened_stream_can_end_again(app: Flask, reopen: Callable[..., None]) -> None:
    notify(app)
    reopen()
    register(app)
    notify(app)
    assert told(app) == [TOKEN]


def test_the_revision_rises_over_a_reopen(app: Flask, reopen: Callable[..., None]) -> None:
    first = notify(app).revision
    reopen()
    assert notify(app).revision > first


def test_who_was_not_told_before_a_reopen_runs_on(
    apps: Make,
) -> None:
    from flask_allmine_liveactivity import LiveActivity

    push = answering(Verdict.UNREACHABLE)
    app = apps(given={"push": push})
    register(app)
    notify(app)
    push.sent.clear()
    with app.app_context():
        LiveActivity().reopen_stream(STREAM)
    installation(app).parts.delivery.run()
    assert told(app) == []


def test_reopening_takes_an_object_id(app: Flask, reopen: Callable[..., None]) -> None:
    notify(app)
    reopen(ObjectId(STREAM))
    assert event_of(app).event is None


def test_reopening_what_has_not_ended_ends_nothing(app: Flask, reopen: Callable[..., None]) -> None:
    register(app)
    reopen()
    installation(app).parts.delivery.run()
    assert (event_of(app).event, told(app)) == (None, [])


def test_reopening_a_bad_id_is_a_value_error(reopen: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match="a stream id must"):
        reopen("nothing")
