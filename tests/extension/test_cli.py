"""``flask live-activity``: each command, for people and with ``--json`` for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_allmine_liveactivity import (
    LiveActivity,
    MemoryPush,
    Push,
    PushResult,
    SessionStatus,
    Verdict,
    notify_stream_state,
)

from .apps import BODY, OTHER_STREAM, STREAM, TOKEN, bare_app, installation, register

Make = Callable[..., Flask]


class Answers:
    """What Apple says; changed while a test goes on."""

    def __init__(self) -> None:
        self.verdict = Verdict.DELIVERED
        self.reason: str | None = None

    def __call__(self, push: Push) -> PushResult:
        return PushResult(push, self.verdict, reason=self.reason)

    def now(self, verdict: Verdict, reason: str | None = None) -> None:
        self.verdict, self.reason = verdict, reason


@pytest.fixture
def apple() -> Answers:
    return Answers()


@pytest.fixture
def app(apps: Make, apple: Answers) -> Flask:
    """A host whose storage only a command delivers from."""
    return apps(given={"push": MemoryPush(apple)}, LIVE_ACTIVITY_DELIVERY="worker")


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["live-activity", *arguments])


def run_json(app: Flask, *arguments: str) -> Any:
    result = run(app, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def notify(app: Flask, state: str = "ready", stream: str = STREAM) -> None:
    with app.app_context():
        notify_stream_state(stream, state)


def told(app: Flask) -> list[str]:
    return [push.token for push in installation(app).push.sent]  # type: ignore[attr-defined]


def statuses(app: Flask) -> list[SessionStatus]:
    return [session.status for session in installation(app).storage.sessions.page()]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_the_group_lists_its_commands(app: Flask) -> None:
    output = run(app, "--help").output
    commands = "check deliver end forget prepare purge release reopen resend sessions status why"
    assert all(f"  {command} " in output for command in [*commands.split(), "worker"])


def test_prepare_may_be_repeated(app: Flask) -> None:
    assert [run(app, "prepare").exit_code for _ in range(2)] == [0, 0]


# --- check ----------------------------------------------------------------------------------------


def test_check_says_ok_to_all(app: Flask) -> None:
    result = run(app, "check")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[1] for line in lines] == [
        "configuration:", "storage:", "push:", "guard:", "streams:", "jwt:",
    ]  # fmt: skip
    assert all(line.startswith("ok") for line in lines)


def test_check_in_json(app: Flask) -> None:
    findings = run_json(app, "check")
    assert [finding["check"] for finding in findings] == [
        "configuration", "storage", "push", "guard", "streams", "jwt",
    ]  # fmt: skip
    assert all(finding["ok"] is True for finding in findings)


def test_check_fails_without_a_guard(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_ALLOW_ANY_STREAM=False)
    result = run(app, "check")
    assert result.exit_code == 1
    assert "FAIL  guard: none: decorate a function with @live_activity.stream_guard" in (
        result.output
    )


def test_check_fails_without_a_guard_also_in_json(apps: Make) -> None:
    result = run(apps(LIVE_ACTIVITY_ALLOW_ANY_STREAM=False), "check", "--json")
    assert result.exit_code == 1
    assert {f["check"]: f["ok"] for f in json.loads(result.stdout)}["guard"] is False


def test_check_is_content_with_a_guard(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_ALLOW_ANY_STREAM=False)
    installation(app).callbacks.guard = lambda stream_id, user_id: None
    assert run(app, "check").exit_code == 0


def test_check_fails_without_a_jwt_manager() -> None:
    app = bare_app(
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    LiveActivity(app)
    result = run(app, "check")
    assert result.exit_code == 1
    assert "FAIL  jwt: " in result.output
    assert "call JWTManager(app)" in result.output


def test_check_fails_where_the_storage_does_not_answer(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/a?serverSelectionTimeoutMS=50")
    result = run(app, "check")
    assert result.exit_code == 1
    assert "FAIL  storage: MongoDB did not answer" in result.output


def test_check_sends_nothing(app: Flask) -> None:
    run(app, "check")
    assert told(app) == []


def test_a_probe_is_well_when_only_the_token_is_bad(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.REJECTED, "BadDeviceToken")
    result = run(app, "check", "--probe")
    assert result.exit_code == 0
    assert "Apple knows us" in result.output
    assert told(app) == ["00" * 32]


def test_a_probe_fails_where_apple_does_not_know_us(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.MISCONFIGURED, "InvalidProviderToken")
    result = run(app, "check", "--probe")
    assert result.exit_code == 1
    assert "the answer was InvalidProviderToken: check LIVE_ACTIVITY_APNS_KEY" in result.output


def test_a_probe_names_a_proxy_that_refuses(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.MISCONFIGURED, "proxy: HTTP 407")
    result = run(app, "check", "--probe")
    assert result.exit_code == 1
    assert "the answer was proxy: HTTP 407: check the user and password in " in result.output


# --- status ---------------------------------------------------------------------------------------


def test_status_counts(app: Flask) -> None:
    register(app)
    register(app, activityId="b", liveActivityToken="b", streamId=OTHER_STREAM)
    notify(app)
    report = run_json(app, "status")
    assert (report["active"], report["pending"], report["ended"]) == (2, 1, 0)
    assert report["oldest_pending_seconds"] >= 0


def test_status_for_people(app: Flask) -> None:
    register(app)
    notify(app)
    output = run(app, "status").output
    assert "running  1" in output
    assert "pending  1, the oldest for 0 s" in output


def test_status_of_one_stream(app: Flask) -> None:
    register(app)
    register(app, activityId="b", liveActivityToken="b", streamId=OTHER_STREAM)
    notify(app, "started")
    report = run_json(app, "status", STREAM.upper())
    assert (report["stream"], report["state"], report["revision"]) == (STREAM, "started", 1)
    assert report["active"] == 1
    assert "stream 65f000000000000000000001: started, revision 1" in (
        run(app, "status", STREAM).output
    )


def test_status_of_a_stream_that_is_to_come(app: Flask) -> None:
    register(app)
    assert f"stream {STREAM}: to come" in run(app, "status", STREAM).output


def test_status_of_a_bad_stream_id_is_one_line(app: Flask) -> None:
    result = run(app, "status", "nothing")
    assert result.exit_code == 1
    assert result.output.startswith("Error: a stream id must match")
    assert "Traceback" not in result.output


def test_status_shows_who_was_given_up_and_why(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.GONE, "Unregistered")
    register(app)
    notify(app)
    run(app, "deliver")
    assert run_json(app, "status")["dead"] == {"Unregistered": 1}
    assert "1 Unregistered" in run(app, "status").output


def test_status_shows_what_is_held_and_why(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.MISCONFIGURED, "InvalidProviderToken")
    register(app)
    notify(app)
    run(app, "deliver")
    (held,) = run_json(app, "status")["held"]
    assert (held["stream"], held["reason"]) == (STREAM, "InvalidProviderToken")
    assert f"held     {STREAM}: InvalidProviderToken, since " in run(app, "status").output


def test_status_of_a_stream_shows_its_own_hold_however_many_there_are(
    app: Flask, apple: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = installation(app).storage
    for number in range(30):
        stream = f"65f0000000000000000001{number:02}"
        notify(app, "ready", stream)
        event = storage.streams.read(stream)
        assert event is not None
        storage.streams.hold(event, "BadTopic", time.time() + number, time.time() + 60)
    assert [held["stream"] for held in run_json(app, "status", stream)["held"]] == [stream]


def test_status_of_another_stream_does_not_show_a_hold(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.MISCONFIGURED, "BadTopic")
    register(app)
    notify(app)
    run(app, "deliver")
    assert run_json(app, "status", OTHER_STREAM)["held"] == []


def test_status_shows_that_the_environment_may_be_mixed_up(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.REJECTED, "BadDeviceToken")
    for number in range(6):
        register(app, activityId=f"a{number}", liveActivityToken=f"t{number}")
    notify(app)
    run(app, "deliver")
    report = run_json(app, "status")
    assert report["environment_alarm"] is True
    assert report["waiting"] == {"BadDeviceToken": 6}
    assert "LIVE_ACTIVITY_APNS_ENVIRONMENT" in run(app, "status").output


@pytest.mark.parametrize(("allowed", "code"), [("30", 1), ("3600", 0)])
def test_fail_if_older_exits_by_the_age_of_what_waits(
    app: Flask, monkeypatch: pytest.MonkeyPatch, allowed: str, code: int
) -> None:
    register(app)
    notify(app)
    later(monkeypatch, 120)
    assert run(app, "status", "--fail-if-older", allowed).exit_code == code
    assert run(app, "status", "--fail-if-older", allowed, "--json").exit_code == code


def test_fail_if_older_is_content_where_nobody_waits(app: Flask) -> None:
    register(app)
    assert run(app, "status", "--fail-if-older", "0").exit_code == 0


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_sessions_show_no_token(app: Flask, as_json: tuple[str, ...]) -> None:
    register(app)
    output = run(app, "sessions", *as_json).output
    (session,) = installation(app).storage.sessions.page()
    assert TOKEN not in output
    assert session.fingerprint in output
    assert STREAM in output


def test_sessions_in_json(app: Flask) -> None:
    register(app)
    (row,) = run_json(app, "sessions")
    assert row["user"] == "alice"
    assert row["activity"] == BODY["activityId"]
    assert row["status"] == "active"
    assert "token" not in row


def test_sessions_are_chosen_by_stream_user_and_status(app: Flask) -> None:
    register(app, "alice")
    register(app, "bob", activityId="b", liveActivityToken="b", streamId=OTHER_STREAM)
    notify(app, "ready", OTHER_STREAM)
    run(app, "deliver")

    def users(*arguments: str) -> list[str]:
        return [row["user"] for row in run_json(app, "sessions", *arguments)]

    assert users("--stream", OTHER_STREAM) == ["bob"]
    assert users("--user", "alice") == ["alice"]
    assert users("--status", "ended") == ["bob"]
    assert users("--status", "dead") == []
    assert len(users("--limit", "1")) == 1


def test_sessions_are_listed_beyond_one_page(apps: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_allmine_liveactivity.app.operations.listing.PAGE", 3)
    app = apps()
    for number in range(8):
        register(app, activityId=f"a{number}", liveActivityToken=f"t{number}")
    assert len(run_json(app, "sessions")) == 8
    assert len(run_json(app, "sessions", "--limit", "7")) == 7


# --- end, deliver, reopen, resend -----------------------------------------------------------------


def test_end_announces_and_delivers_here_and_now(app: Flask) -> None:
    register(app)
    result = run(app, "end", STREAM, "cancelled")
    assert result.exit_code == 0
    assert told(app) == [TOKEN]
    assert result.output == (
        "delivered 1, gone 0, rejected 0, to be tried again 0; still pending 0\n"
    )


def test_end_in_json(app: Flask) -> None:
    register(app)
    assert run_json(app, "end", STREAM, "ready") == {
        "delivered": 1,
        "gone": 0,
        "retrying": 0,
        "rejected": 0,
        "reasons": {},
        "pending": 0,
        "obstacle": None,
    }


def test_end_leaves_other_streams_alone(app: Flask) -> None:
    register(app, streamId=OTHER_STREAM)
    notify(app, "ready", OTHER_STREAM)
    run(app, "end", STREAM, "ready")
    assert told(app) == []


def test_end_carries_the_hosts_content_state(app: Flask) -> None:
    installation(app).callbacks.content_state = lambda stream, state: {"phase": state}
    register(app)
    run(app, "end", STREAM, "ready")
    payload = json.loads(installation(app).push.sent[0].payload)  # type: ignore[attr-defined]
    assert payload["aps"]["content-state"] == {"phase": "ready"}


@pytest.mark.parametrize("arguments", [(STREAM, "ended"), (STREAM,), (), ("nothing", "ready")])
def test_end_refuses_what_is_no_stream_and_state(app: Flask, arguments: tuple[str, ...]) -> None:
    assert run(app, "end", *arguments).exit_code != 0
    assert installation(app).storage.streams.read(STREAM) is None


def test_deliver_delivers_what_others_have_announced(app: Flask) -> None:
    register(app)
    notify(app)
    assert told(app) == []
    assert run_json(app, "deliver")["delivered"] == 1
    assert told(app) == [TOKEN]


def test_deliver_with_nothing_to_do(app: Flask) -> None:
    result = run(app, "deliver")
    assert result.exit_code == 0
    assert "delivered 0" in result.output


@pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.MISCONFIGURED])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_deliver_that_was_stopped_exits_1_and_says_why(
    app: Flask, apple: Answers, verdict: Verdict, as_json: tuple[str, ...]
) -> None:
    apple.now(verdict, "SomeReason")
    register(app)
    notify(app)
    result = run(app, "deliver", *as_json)
    assert result.exit_code == 1
    assert "Not all could be told: SomeReason. Nothing is lost" in result.stderr
    if as_json:
        assert json.loads(result.stdout)["obstacle"] == "SomeReason"


def test_reopen_forgets_the_end(app: Flask) -> None:
    notify(app)
    assert run(app, "reopen", STREAM.upper()).exit_code == 0
    assert register(app).status_code == 200


def test_resend_brings_back_those_given_up(
    app: Flask, apple: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    apple.now(Verdict.GONE, "Unregistered")
    register(app)
    notify(app)
    run(app, "deliver")
    assert statuses(app) == [SessionStatus.DEAD]
    apple.now(Verdict.DELIVERED)
    later(monkeypatch, 2)
    assert run_json(app, "resend", STREAM) == {"sessions": 1, "streams": 1, "holds_lifted": 0}
    run(app, "deliver")
    assert statuses(app) == [SessionStatus.ENDED]


def test_resend_lifts_holds(app: Flask, apple: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    apple.now(Verdict.MISCONFIGURED, "InvalidProviderToken")
    register(app)
    notify(app)
    run(app, "deliver")
    apple.now(Verdict.DELIVERED)
    later(monkeypatch, 2)
    run(app, "deliver")
    assert statuses(app) == [SessionStatus.ACTIVE]
    assert "1 holds lifted" in run(app, "resend").output
    run(app, "deliver")
    assert statuses(app) == [SessionStatus.ENDED]


def test_resend_of_one_stream_leaves_others_alone(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.GONE, "Unregistered")
    register(app)
    notify(app)
    run(app, "deliver")
    assert run_json(app, "resend", OTHER_STREAM)["sessions"] == 0
    assert statuses(app) == [SessionStatus.DEAD]


def test_resend_inline_delivers(apps: Make, apple: Answers) -> None:
    app = apps(given={"push": MemoryPush(apple)})
    apple.now(Verdict.GONE, "Unregistered")
    register(app)
    notify(app)
    apple.now(Verdict.DELIVERED)
    run(app, "resend")
    assert statuses(app) == [SessionStatus.ENDED]


def test_resend_without_a_stream_is_of_all(app: Flask, apple: Answers) -> None:
    apple.now(Verdict.GONE, "Unregistered")
    for number, stream in enumerate((STREAM, OTHER_STREAM)):
        register(app, streamId=stream, activityId=f"a{number}", liveActivityToken=f"t{number}")
        notify(app, "ready", stream)
    run(app, "deliver")
    assert run_json(app, "resend") == {"sessions": 2, "streams": 2, "holds_lifted": 0}


# --- release, forget, purge -----------------------------------------------------------------------


def test_release_lets_the_next_user_register(app: Flask) -> None:
    register(app, "alice")
    result = run(app, "release", "alice", BODY["deviceId"])
    assert result.output.startswith("1 running sessions released")
    assert register(app, "bob").status_code == 200


@pytest.mark.parametrize(("answer", "left"), [("n", "alice"), ("y", None)])
def test_forget_asks_a_person_first(
    app: Flask, monkeypatch: pytest.MonkeyPatch, answer: str, left: str | None
) -> None:
    terminal = SimpleNamespace(isatty=lambda: True)
    stand_in = SimpleNamespace(stdin=terminal)
    monkeypatch.setattr("flask_allmine_liveactivity.cli.acting.sys", stand_in)
    register(app, "alice")
    app.test_cli_runner().invoke(args=["live-activity", "forget", "alice"], input=f"{answer}\n")
    assert [s.user_id for s in installation(app).storage.sessions.page()] == [left]


def test_forget_with_yes(app: Flask) -> None:
    register(app, "alice")
    assert run(app, "forget", "alice", "--yes").output == "1 sessions forgotten.\n"
    assert [s.user_id for s in installation(app).storage.sessions.page()] == [None]


def test_purge_deletes_what_has_been_over_for_a_day(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(app)
    notify(app)
    run(app, "deliver")
    assert run(app, "purge").output == "0 rows deleted.\n"
    later(monkeypatch, 49 * 3600)
    assert run(app, "purge").output == "2 rows deleted.\n"
    assert statuses(app) == []


def test_purge_by_age(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    register(app)
    later(monkeypatch, 12 * 3600 + 60)
    assert run(app, "purge", "--older-than", "120").output == "0 rows deleted.\n"
    assert run(app, "purge", "--older-than", "30").output == "1 rows deleted.\n"


def test_a_storage_that_does_not_answer_is_one_line(apps: Make) -> None:
    app = apps(LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/a?serverSelectionTimeoutMS=50")
    result = run(app, "status")
    assert result.exit_code == 1
    assert result.output.startswith("Error: MongoDB did not answer")
    assert len(result.output.splitlines()) == 1
