"""What operations do: deliver, end, reopen, resend, release, forget, purge, check."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from uuid import UUID

import pytest
from extension.apps import BODY, OTHER_STREAM, STREAM, installation, make_app, register
from flask import Flask

from flask_allmine_liveactivity import MemoryPush, SessionStatus, StorageUnavailable, Verdict
from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.app.operations import DeliveryRun, Resent
from flask_allmine_liveactivity.streams.announcement import stream_state

from .conftest import Apple

USER = UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")


def phones(app: Flask, count: int, stream: str = STREAM) -> None:
    for number in range(count):
        unique = f"{stream[-1]}-{number}"
        register(app, streamId=stream, activityId=unique, liveActivityToken=unique)


def statuses(installed: Installation) -> list[SessionStatus]:
    return [session.status for session in installed.storage.sessions.page()]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


# --- end, deliver ---------------------------------------------------------------------------------


def test_end_announces_and_delivers(app: Flask, installed: Installation) -> None:
    phones(app, 2)
    assert operations.end(installed, STREAM.upper(), "cancelled") == DeliveryRun(
        delivered=2, gone=0, retrying=0, rejected=0, reasons={}, pending=0, obstacle=None
    )
    event = installed.storage.streams.read(STREAM)
    assert event is not None
    assert event.state == "cancelled"


@pytest.mark.parametrize(("stream", "state"), [("nothing", "ready"), (STREAM, "ended")])
def test_end_refuses_what_is_no_stream_and_state(
    installed: Installation, stream: str, state: str
) -> None:
    with pytest.raises(ValueError, match="must"):
        operations.end(installed, stream, state)
    assert installed.storage.streams.read(STREAM) is None


def test_deliver_counts_by_answer_and_says_what_it_has_left(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    phones(app, 3)
    apple.refuses(Verdict.REJECTED, "BadDeviceToken")
    run = operations.end(installed, STREAM, "ready")
    assert (run.rejected, run.reasons, run.pending) == (3, {"BadDeviceToken": 3}, 3)
    assert run.answered == 3
    assert operations.deliver(installed).answered == 0


def test_deliver_of_one_stream_leaves_others_alone(app: Flask, installed: Installation) -> None:
    for stream in (STREAM, OTHER_STREAM):
        phones(app, 2, stream)
        installed.announce(stream, stream_state("ready"))
    run = operations.deliver(installed, OTHER_STREAM)
    assert (run.delivered, run.pending) == (2, 0)
    assert installed.storage.counts(time.time()).pending == 2


def test_end_delivers_nothing_else_that_is_due(app: Flask, installed: Installation) -> None:
    phones(app, 1, OTHER_STREAM)
    installed.announce(OTHER_STREAM, stream_state("ready"))
    assert operations.end(installed, STREAM, "ready").answered == 0
    assert operations.deliver(installed).delivered == 1


def test_deliver_says_what_has_stopped_it(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    phones(app, 1)
    apple.refuses(Verdict.MISCONFIGURED, "InvalidProviderToken")
    run = operations.end(installed, STREAM, "ready")
    assert (run.obstacle, run.pending) == ("InvalidProviderToken", 1)


def test_progress_begins_with_none_of_those_who_wait(app: Flask, installed: Installation) -> None:
    phones(app, 3)
    phones(app, 2, OTHER_STREAM)
    steps: list[tuple[int, int]] = []
    operations.end(installed, STREAM, "ready", progress=lambda *step: steps.append(step))
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_they_give_back_stays_as_it_is(installed: Installation) -> None:
    run = operations.deliver(installed)
    with pytest.raises(FrozenInstanceError):
        run.delivered = 1  # type: ignore[misc]


# --- reopen, resend -------------------------------------------------------------------------------


def test_reopen_says_whether_there_was_an_end_to_forget(
    app: Flask, installed: Installation
) -> None:
    assert operations.reopen(installed, STREAM).had_ended is False
    operations.end(installed, STREAM, "ready")
    assert operations.reopen(installed, STREAM.upper()).had_ended is True
    assert operations.reopen(installed, STREAM).had_ended is False
    assert register(app).status_code == 200


def test_resend_makes_due_who_was_refused_and_lifts_holds(
    app: Flask, installed: Installation, apple: Apple, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones(app, 2)
    apple.refuses(Verdict.GONE, "Unregistered")
    operations.end(installed, STREAM, "ready")
    phones(app, 1, OTHER_STREAM)
    apple.refuses(Verdict.MISCONFIGURED, "InvalidProviderToken")
    operations.end(installed, OTHER_STREAM, "ready")
    apple.accepts()
    later(monkeypatch, 2)
    assert operations.resend(installed) == Resent(
        sessions=2, streams=1, holds_lifted=1, not_delivered=None
    )
    assert operations.deliver(installed).delivered == 3


def test_resend_of_one_stream_leaves_others_alone(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    apple.refuses(Verdict.GONE, "Unregistered")
    for stream in (STREAM, OTHER_STREAM):
        phones(app, 1, stream)
        operations.end(installed, stream, "ready")
    assert operations.resend(installed, OTHER_STREAM).streams == 1
    assert sorted(statuses(installed)) == [SessionStatus.ACTIVE, SessionStatus.DEAD]


@pytest.fixture
def inline(apple: Apple) -> Flask:
    """Where whoever asks delivers."""
    return make_app(given={"push": MemoryPush(apple)})


def refused(app: Flask, apple: Apple) -> Installation:
    installed = installation(app)
    apple.refuses(Verdict.GONE, "Unregistered")
    with app.app_context():
        phones(app, 1)
        operations.end(installed, STREAM, "ready")
    apple.accepts()
    return installed


def test_resend_wakes_who_delivers(inline: Flask, apple: Apple) -> None:
    installed = refused(inline, apple)
    operations.resend(installed)
    assert statuses(installed) == [SessionStatus.ENDED]
    installed.close()


def test_what_is_due_again_is_said_though_delivering_it_fails(
    inline: Flask, apple: Apple, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = refused(inline, apple)

    def away(_stream_id: str) -> None:
        raise StorageUnavailable("it is away")

    with monkeypatch.context() as failing:
        failing.setattr(installed.dispatch, "wake", away)
        resent = operations.resend(installed)
    assert (resent.sessions, resent.not_delivered) == (1, "it is away")
    assert statuses(installed) == [SessionStatus.ACTIVE]
    installed.close()


# --- release, forget, purge -----------------------------------------------------------------------


@pytest.mark.parametrize("user", [7, USER, "alice"])
def test_a_user_is_known_by_any_form_of_the_id(
    app: Flask, installed: Installation, user: object
) -> None:
    register(app, str(user))
    assert operations.release(installed, user, "another phone").sessions == 0
    assert operations.release(installed, user, BODY["deviceId"]).sessions == 1
    register(app, str(user), activityId="b", liveActivityToken="b")
    assert operations.forget(installed, user).sessions == 1
    assert {session.user_id for session in installed.storage.sessions.page()} == {None}


@pytest.mark.parametrize(
    "act", [lambda i: operations.release(i, None, "a"), lambda i: operations.forget(i, None)]
)
def test_what_is_no_user_is_refused(
    installed: Installation, act: Callable[[Installation], object]
) -> None:
    with pytest.raises(TypeError, match="user id"):
        act(installed)


def test_purge_deletes_what_has_been_over_for_so_long(
    app: Flask, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones(app, 2)
    later(monkeypatch, 12 * 3600 + 60)
    assert operations.purge(installed, 120).rows == 0
    assert operations.purge(installed, 30).rows == 2


# --- check, prepare -------------------------------------------------------------------------------


def test_check_finds_all_well_and_sends_nothing(installed: Installation) -> None:
    checked = operations.check(installed)
    assert checked.ok
    assert [finding.subject for finding in checked.findings] == [
        "configuration", "storage", "push", "guard", "streams", "jwt",
    ]  # fmt: skip
    assert installed.push.sent == []  # type: ignore[attr-defined]


def test_one_finding_is_enough_for_all_not_to_be_well(
    installed: Installation, apple: Apple
) -> None:
    apple.refuses(Verdict.MISCONFIGURED, "InvalidProviderToken")
    checked = operations.check(installed, with_probe=True)
    assert [f.subject for f in checked.findings if not f.ok] == ["probe"]
    assert not checked.ok


def test_prepare_makes_the_tables(tmp_path: object) -> None:
    app = make_app(LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/live.db")
    installed = installation(app)
    assert "not prepared" in installed.storage.check(time.time())
    operations.prepare(installed)
    assert "not prepared" not in installed.storage.check(time.time())
    installed.close()
