"""What a host says of its streams: in one callback, and in one call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask, current_app

from flask_allmine_liveactivity import (
    ConfigurationError,
    Countdown,
    LiveActivity,
    PayloadTooLarge,
    StreamReceipt,
    StreamState,
    notify_stream_state,
)
from flask_allmine_liveactivity.model.host_answers import to_announce_as_read
from flask_allmine_liveactivity.signals import stream_ended, stream_updated
from flask_allmine_liveactivity.testing import Outbox, capture_pushes

from .apps import OTHER_STREAM, STREAM, installation, register

MINUTE = 60.0


class Host:
    """A host, its streams, and who is pushed to."""

    def __init__(self, app: Flask, outbox: Outbox) -> None:
        self.app = app
        self.outbox = outbox
        self.live_activity = LiveActivity()
        self.truth: dict[Any, Any] = {}
        self.asked: list[list[str]] = []
        installation(app).callbacks.streams = self.what_streams_are

    def what_streams_are(self, stream_ids: list[str]) -> Any:
        assert current_app == self.app
        self.asked.append(stream_ids)
        return self.truth

    def changed(self, stream_id: object = STREAM, **said: Any) -> StreamReceipt:
        return self.live_activity.stream_changed(stream_id, **said)

    def check(self, after: float) -> int:
        """Ask what is due after so many seconds."""
        streams = installation(self.app).streams
        now = datetime.now(UTC).timestamp()
        return streams.ask_due(clock=lambda: now + after)

    @property
    def told(self) -> list[Any]:
        """What the phones were told: what they show, or the end."""
        return [push.content_state if push.event == "update" else "end" for push in self.outbox]


@pytest.fixture
def host(app: Flask) -> Iterator[Host]:
    with app.app_context(), capture_pushes(app) as outbox:
        yield Host(app, outbox)


def countdown(title: str = "a stream", **given: Any) -> Countdown:
    starts_at = datetime(2030, 1, 1, 18, tzinfo=UTC)
    return Countdown(**{"starts_at": starts_at, "content_state": {"title": title}, **given})


# --- in one call -----------------------------------------------------------------------------


def test_who_runs_follows_what_the_host_says(host: Host) -> None:
    assert register(host.app).status_code == 200
    host.truth[STREAM] = countdown("renamed")
    assert host.changed() == StreamReceipt(stream_id=STREAM, revision=1, changed=True)
    assert host.asked == [[STREAM]]
    assert host.told == [{"title": "renamed"}]
    assert host.changed() == StreamReceipt(stream_id=STREAM, revision=1, changed=False)
    assert len(host.told) == 1


def test_a_late_phone_is_answered_200_and_told_it_at_once(host: Host) -> None:
    host.truth[STREAM] = countdown("renamed")
    host.changed()
    assert register(host.app).status_code == 200
    assert host.told == [{"title": "renamed"}]


def test_a_stream_that_is_over_ends_at_once(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = "cancelled"
    assert host.changed().changed
    assert host.told == ["end"]
    assert host.live_activity.stream_report(STREAM).state is StreamState.CANCELLED
    assert register(host.app, activityId="another", liveActivityToken="b").status_code == 409


def test_an_end_carries_what_the_content_state_callback_says(host: Host) -> None:
    installation(host.app).callbacks.content_state = lambda *_: {"title": "it is over"}
    register(host.app)
    host.truth[STREAM] = countdown("a stream")
    host.changed()
    host.truth[STREAM] = StreamState.READY
    host.changed()
    assert host.outbox[-1].content_state == {"title": "it is over"}


@pytest.mark.parametrize(
    ("moved", "said", "priority"),
    [(False, {}, 5), (True, {}, 10), (False, {"alert": {"title": "Soon", "body": "Soon"}}, 10)],
)
def test_what_moved_or_is_said_aloud_does_not_wait(
    host: Host, moved: bool, said: dict[str, Any], priority: int
) -> None:
    host.truth[STREAM] = countdown("before")
    host.changed()
    later = datetime(2030, 1, 1, 19, tzinfo=UTC)
    host.truth[STREAM] = countdown("after", **({"starts_at": later} if moved else {}))
    assert host.changed(**said).changed
    register(host.app)
    (push,) = host.outbox
    assert (push.priority, push.alert) == (priority, said.get("alert"))


def test_the_same_said_aloud_again_is_told_once(host: Host) -> None:
    alert = {"title": "Soon", "body": "Soon"}
    host.truth[STREAM] = countdown()
    assert [host.changed(alert=alert).revision for _ in range(2)] == [1, 1]
    assert host.changed().revision == 1


def test_what_a_countdown_says_aloud_lights_no_screen_of_those_who_run(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown(alert={"title": "Soon", "body": "Soon"})
    host.changed()
    assert host.outbox[-1].alert is None


def test_nothing_is_to_be_shown_any_more(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown()
    host.changed()
    host.truth[STREAM] = None
    assert not host.changed().changed
    row = installation(host.app).storage.streams.read(STREAM)
    assert row is not None
    assert (row.countdown, row.is_update) == (None, True)
    assert len(host.told) == 1


@pytest.mark.parametrize("key", [ObjectId(STREAM), STREAM.upper(), STREAM])
def test_keys_are_the_same_stream_however_they_are_spelled(host: Host, key: object) -> None:
    host.truth[key] = countdown()
    assert host.changed(ObjectId(STREAM)).changed


def test_an_end_that_stands_is_nobodys_to_change(host: Host) -> None:
    notify_stream_state(STREAM, "ready")
    host.truth[STREAM] = "cancelled"
    receipt = host.changed()
    assert (receipt.changed, receipt.revision) == (False, 1)
    host.truth[STREAM] = countdown()
    assert not host.changed().changed
    assert host.asked == []
    assert host.live_activity.stream_report(STREAM).state is StreamState.READY


def test_a_reopened_stream_is_asked_about_again(host: Host) -> None:
    notify_stream_state(STREAM, "ready")
    host.live_activity.reopen_stream(STREAM)
    register(host.app)
    host.truth[STREAM] = countdown("again")
    assert host.changed().changed
    assert host.told == [{"title": "again"}]


def test_reopening_what_has_not_ended_changes_nothing(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown()
    revision = host.changed().revision
    host.live_activity.reopen_stream(STREAM)
    report = host.live_activity.stream_report(STREAM)
    assert (report.event, report.revision) == ("update", revision)
    assert len(host.told) == 1


def test_what_was_answered_before_the_call_does_not_count_any_more(host: Host) -> None:
    """A guard has said that it is over; meanwhile it is scheduled again, which nobody had to
    reopen, since no end stands."""
    register(host.app)
    streams = installation(host.app).storage.streams
    read = streams.read(STREAM)
    end = installation(host.app).repairs.end(STREAM, StreamState.CANCELLED, "guard")
    host.truth[STREAM] = None
    assert not host.changed().changed
    stands = streams.write(STREAM, to_announce_as_read(read, end, datetime.now(UTC).timestamp()))
    assert stands is not None
    assert stands.event is None


def test_without_a_callback_the_call_says_what_to_do(app: Flask) -> None:
    with app.app_context(), pytest.raises(ConfigurationError, match=r"live_activity\.streams"):
        LiveActivity().stream_changed(STREAM)


@pytest.mark.parametrize("stream_id", ["", "nonsense", 7, None])
def test_what_is_no_stream_id_is_said(host: Host, stream_id: object) -> None:
    with pytest.raises(ValueError, match="stream id"):
        host.changed(stream_id)


def test_what_is_over_apples_limit_is_refused_and_nothing_is_stored(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown("x" * 5000)
    with pytest.raises(PayloadTooLarge):
        host.changed()
    assert host.live_activity.stream_report(STREAM).revision == 0
    assert host.told == []


def test_room_is_needed_for_the_start_too(host: Host) -> None:
    host.truth[STREAM] = countdown("x" * 3000, attributes={"about": "y" * 2000})
    with pytest.raises(PayloadTooLarge, match="attributes"):
        host.changed()


def test_an_async_callback_is_waited_for(host: Host) -> None:
    async def what_streams_are(stream_ids: list[str]) -> dict[str, Any]:
        return dict.fromkeys(stream_ids, "cancelled")

    installation(host.app).callbacks.streams = what_streams_are
    assert host.changed().changed


# --- answers that are none -------------------------------------------------------------------


def test_a_callback_that_fails_changes_nothing_and_is_logged_once(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    register(host.app)

    def fails(_: object) -> Any:
        raise KeyError("the database is down")

    installation(host.app).callbacks.streams = fails
    for _ in range(3):
        assert not host.changed().changed
    said = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(said) == 1
    assert "the database is down" in caplog.text


@pytest.mark.parametrize("answer", [False, 7, "over", [], {"title": "x"}])
def test_a_wrong_answer_is_that_streams_alone(host: Host, answer: object) -> None:
    register(host.app)
    register(host.app, streamId=OTHER_STREAM, activityId="b", liveActivityToken="b")
    host.truth = {STREAM: answer, OTHER_STREAM: countdown("well")}
    assert host.check(MINUTE + 1) == 2
    assert host.told == [{"title": "well"}]


def test_what_is_no_mapping_is_no_answer(host: Host) -> None:
    host.truth = [STREAM]  # type: ignore[assignment]
    assert not host.changed().changed


def test_of_streams_that_nobody_asked_about_nothing_is_written(host: Host) -> None:
    host.truth = {STREAM: countdown(), OTHER_STREAM: "cancelled", "nonsense": None}
    assert host.changed().changed
    assert installation(host.app).storage.streams.read(OTHER_STREAM) is None


@pytest.mark.parametrize(
    "given",
    [
        {"starts_at": datetime(2030, 1, 1)},
        {"starts_at": "tomorrow"},
        {"starts_at": float("nan")},
        {"starts_at": True},
        {"content_state": None},
        {"content_state": {"at": datetime(2030, 1, 1, tzinfo=UTC)}},
        {"content_state": {"at": float("inf")}},
        {"attributes": []},
        {"shown_before": -1},
        {"expires_after": "soon"},
    ],
)
def test_a_countdown_that_cannot_be_is_refused_where_it_is_made(given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        countdown(**given)


# --- whoever forgets to say so is asked ------------------------------------------------------


def test_an_end_that_nobody_has_said_is_found_by_two_answers_in_a_row(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = "cancelled"
    host.check(MINUTE + 1)
    assert host.told == []
    host.check(2 * MINUTE + 2)
    assert host.told == ["end"]
    row = installation(host.app).storage.streams.read(STREAM)
    assert row is not None
    assert row.source == "found"


def test_what_is_said_once_by_a_replica_that_lags_ends_nothing(host: Host) -> None:
    register(host.app)
    for number, answer in enumerate(["cancelled", None, "cancelled", countdown(), "cancelled"]):
        host.truth[STREAM] = answer
        host.check((number + 1) * (MINUTE + 1))
    assert "end" not in host.told


def test_silence_neither_counts_nor_resets(host: Host) -> None:
    register(host.app)
    for number, answer in enumerate([{STREAM: "cancelled"}, {}, {STREAM: "ready"}]):
        host.truth = answer
        host.check((number + 1) * (MINUTE + 1))
    assert host.told == ["end"]
    assert host.live_activity.stream_report(STREAM).state is StreamState.READY


def test_what_was_moved_and_not_said_is_told(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown("renamed")
    host.check(MINUTE + 1)
    assert host.told == [{"title": "renamed"}]


def test_nobody_is_asked_before_it_is_time(host: Host) -> None:
    register(host.app)
    assert host.check(MINUTE - 1) == 0
    assert host.asked == []


def test_of_what_has_ended_nobody_is_asked(host: Host) -> None:
    register(host.app)
    notify_stream_state(STREAM, "ready")
    assert host.check(10 * MINUTE) == 0


def test_nobody_is_asked_about_what_nothing_hangs_on_any_more(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = "cancelled"
    late = 24 * 60 * MINUTE
    assert host.check(late) == 1
    assert host.asked == []
    assert host.check(late + 2 * MINUTE) == 0


def test_a_countdown_expires_by_itself(host: Host) -> None:
    register(host.app)
    now = datetime.now(UTC)
    soon = countdown(starts_at=now + timedelta(seconds=90), expires_after=30)
    host.truth[STREAM] = soon
    host.changed()
    host.check(MINUTE + 1)
    assert host.told == [{"title": "a stream"}]
    # It is asked when it expires, not only at the next minute.
    host.check(2 * MINUTE)
    assert host.told == [{"title": "a stream"}, "end"]
    assert host.live_activity.stream_report(STREAM).state is StreamState.EXPIRED


def test_what_expired_and_was_moved_meanwhile_runs_on(host: Host) -> None:
    register(host.app)
    now = datetime.now(UTC)
    host.truth[STREAM] = countdown(starts_at=now, expires_after=120)
    host.changed()
    host.truth[STREAM] = countdown(starts_at=now + timedelta(hours=1), expires_after=120)
    host.check(2 * MINUTE + 1)
    assert "end" not in host.told


def test_a_host_that_is_silent_for_five_minutes_lets_it_expire(host: Host) -> None:
    register(host.app)
    host.truth[STREAM] = countdown(starts_at=datetime.now(UTC), expires_after=60)
    host.changed()
    host.truth.clear()
    for minute in range(1, 6):
        host.check(minute * (MINUTE + 1))
    assert "end" not in host.told
    host.check(7 * MINUTE)
    assert host.told[-1] == "end"


def test_what_cannot_be_told_of_one_stream_is_told_of_the_others(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    register(host.app)
    register(host.app, streamId=OTHER_STREAM, activityId="b", liveActivityToken="b")
    host.truth = {STREAM: countdown("x" * 5000), OTHER_STREAM: countdown("well")}
    host.check(MINUTE + 1)
    assert host.told == [{"title": "well"}]
    assert "PayloadTooLarge" in caplog.text


# --- signals ---------------------------------------------------------------------------------


def test_signals_say_what_was_announced_and_how_it_came_about(host: Host) -> None:
    heard: list[dict[str, Any]] = []

    def hear(_: object, **what: Any) -> None:
        heard.append(what)

    stream_updated.connect(hear, host.app)
    stream_ended.connect(hear, host.app)
    host.truth[STREAM] = countdown()
    host.changed()
    host.truth[STREAM] = "cancelled"
    host.changed()
    assert heard == [
        {"stream_id": STREAM, "revision": 1, "priority": 5},
        {"stream_id": STREAM, "revision": 2, "state": StreamState.CANCELLED, "source": "said"},
    ]


def test_many_streams_are_asked_about_by_the_page(
    apps: Callable[..., Flask],
) -> None:
    app = apps()
    with app.app_context(), capture_pushes(app) as outbox:
        host = Host(app, outbox)
        streams = installation(app).storage.streams
        for number in range(1200):
            streams.wake(f"{number:024x}", 9e9, 0, ask_at=0)
        assert host.check(0) == 1200
    assert [len(page) for page in host.asked] == [500, 500, 200]
