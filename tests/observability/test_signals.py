"""Signals and records tell what has happened, once a batch, and without a token."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from blueprint.host import BODY, STREAM, TOKEN, Clock, Host

from flask_allmine_liveactivity import Countdown, PushResult, StreamState, Verdict
from flask_allmine_liveactivity.delivery.outcomes import give_back
from flask_allmine_liveactivity.model import fingerprint
from flask_allmine_liveactivity.model.settled import summary
from flask_allmine_liveactivity.signals import (
    Settled,
    pushes_settled,
    session_registered,
    stream_ended,
    stream_updated,
)

SIGNALS = (session_registered, stream_ended, stream_updated, pushes_settled)


class Heard:
    """All that an app's signals have said."""

    def __init__(self, host: Host) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        for signal in SIGNALS:
            signal.connect(self._hear(signal.name), host.app, weak=False)

    def _hear(self, name: str) -> Any:
        def hear(_app: object, **what: Any) -> None:
            self.said.append((name.removeprefix("live-activity-"), what))

        return hear

    def of(self, name: str) -> list[dict[str, Any]]:
        return [what for said, what in self.said if said == name]


@pytest.fixture
def heard(host: Host) -> Heard:
    return Heard(host)


def test_a_registration(host: Host, heard: Heard) -> None:
    host.register()
    host.register("bob")
    assert heard.of("session-registered") == [
        {"stream_id": STREAM, "answer": "registered", "fingerprint": fingerprint(TOKEN)},
        {"stream_id": STREAM, "answer": "conflict", "fingerprint": fingerprint(TOKEN)},
    ]


def test_an_end_and_what_came_of_it(host: Host, heard: Heard) -> None:
    host.register()
    host.end("started")
    assert heard.of("stream-ended") == [
        {"stream_id": STREAM, "state": StreamState.STARTED, "revision": 1, "source": "said"}
    ]
    assert heard.of("pushes-settled") == [
        {"settled": [Settled(STREAM, "delivered", None, revision=1, count=1)]}
    ]


def test_an_end_that_the_guard_has_brought_to_light(host: Host, heard: Heard) -> None:
    host.guard = lambda *_: StreamState.CANCELLED
    host.register()
    assert heard.of("stream-ended") == [
        {"stream_id": STREAM, "state": StreamState.CANCELLED, "revision": 1, "source": "guard"}
    ]
    assert [what["answer"] for what in heard.of("session-registered")] == ["late"]


def titled(title: str) -> Countdown:
    return Countdown(starts_at=9e9, content_state={"title": title})


def test_an_update_and_what_came_of_it(host: Host, heard: Heard) -> None:
    host.live_activity.streams(lambda ids: dict.fromkeys(ids, titled("new")))
    host.register()
    with host.app.app_context():
        host.live_activity.stream_changed(STREAM)
    assert heard.of("stream-updated") == [{"stream_id": STREAM, "revision": 1, "priority": 5}]
    assert heard.of("pushes-settled") == [
        {"settled": [Settled(STREAM, "updated", None, revision=1, count=1)]}
    ]
    assert heard.of("stream-ended") == []


def test_an_end_that_was_found_and_is_said_afterwards(
    host: Host, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    host.live_activity.streams(lambda ids: dict.fromkeys(ids, "ready"))
    host.register()
    for _ in range(2):
        clock.advance(61)
        host.installation.streams.ask_due()
    host.end("ready")
    said = [(what["source"], what["revision"]) for what in heard.of("stream-ended")]
    assert said == [("found", 1), ("said", 1)]


def test_a_batch_is_told_once(host: Host, heard: Heard) -> None:
    tokens = [f"{number:064x}" for number in range(30)]
    for token in tokens:
        host.register(activityId=token, liveActivityToken=token)
    gone = set(tokens[:8])

    def answer(push: Any) -> PushResult:
        if push.token in gone:
            return PushResult(push, Verdict.GONE, status=410, reason="Unregistered", gone_since=9e9)
        return PushResult(push, Verdict.DELIVERED, status=200)

    host.push.answer = answer
    host.end()
    (what,) = heard.of("pushes-settled")
    counts = {(each.outcome, each.reason): each.count for each in what["settled"]}
    assert counts == {("given up", "Unregistered"): 8, ("delivered", None): 22}
    (refused,) = [each for each in what["settled"] if each.outcome == "given up"]
    assert set(refused.fingerprints) < {fingerprint(token) for token in gone}
    assert len(refused.fingerprints) == 5


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.UNREACHABLE])
def test_what_is_tried_again(host: Host, heard: Heard, verdict: Verdict) -> None:
    host.register()
    host.verdict = verdict
    host.end()
    settled = [each for what in heard.of("pushes-settled") for each in what["settled"]]
    assert settled[0].outcome == ("retrying" if verdict is Verdict.RETRY else "given back")


def test_what_is_given_back_has_no_reason_of_this_batch(host: Host, heard: Heard) -> None:
    host.register()
    host.push.answer = lambda push: PushResult(push, Verdict.RETRY, reason="TooManyRequests")
    host.end()
    (session,) = host.sessions()
    heard.said.clear()
    host.installation.storage.sessions.claim(
        STREAM, 1, claim_id="c" * 32, limit=1, now=session.due_at, leased_until=session.due_at + 60
    )
    (claimed,) = host.sessions()
    assert [each.reason for each in summary([give_back(claimed)])] == [None]
    assert claimed.reason == "TooManyRequests"


def test_a_receiver_that_fails_disturbs_nobody(
    host: Host, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_app: object, **_: Any) -> None:
        raise ZeroDivisionError

    for signal in SIGNALS:
        signal.connect(fail, host.app)
    assert host.register().status_code == 200
    host.end()
    assert host.told == [TOKEN]
    assert len(heard.said) == 3
    assert caplog.text.count("A receiver of") == 3


def test_records_say_the_same_as_attributes(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_allmine_liveactivity.events")
    host.register()
    host.verdict = Verdict.RETRY
    host.end()
    records = [
        record.live_activity  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "flask_allmine_liveactivity.events"
    ]
    assert records == [
        {"stream_id": STREAM, "answer": "registered", "fingerprint": fingerprint(TOKEN)},
        {"stream_id": STREAM, "state": StreamState.READY, "revision": 1, "source": "said"},
        {
            "stream_id": STREAM,
            "outcome": "retrying",
            "reason": None,
            "revision": None,
            "count": 1,
            "fingerprints": [fingerprint(TOKEN)],
        },
    ]
    assert TOKEN not in caplog.text
    assert BODY["activityId"] not in caplog.text


def test_a_line_of_the_log_names_a_reason_only_where_there_is_one(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_allmine_liveactivity.events")
    host.register()
    host.end()
    assert caplog.messages[-1] == f"stream {STREAM}: 1 delivered"
    host.push.answer = lambda push: PushResult(push, Verdict.RETRY, reason="TooManyRequests")
    host.register(activityId="late", liveActivityToken="late")
    assert caplog.messages[-1] == f"stream {STREAM}: 1 retrying (TooManyRequests)"
    assert "None" not in caplog.text


def test_another_apps_signals_are_not_heard(host: Host) -> None:
    other = Host()
    heard = Heard(other)
    host.register()
    assert heard.said == []
    other.installation.close()
