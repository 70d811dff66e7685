"""What the commands say where an installation serves both of Apple's environments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apples import Apples, two_apples
from extension.apps import STREAM

from flask_allmine_liveactivity import Session
from flask_allmine_liveactivity.model import fingerprint
from flask_allmine_liveactivity.simulator import Answer

from .desk import Desk

WRONG_KEY = Answer(403, "BadEnvironmentKeyIdInToken")


@pytest.fixture
def apples(tmp_path: Path) -> Iterator[Apples]:
    with two_apples(tmp_path / "apples") as apples:
        yield apples


@pytest.fixture
def desk(apples: Apples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    uri = f"sqlite:///{tmp_path}/live_activity.db"
    desk = Desk(uri, apples.production, monkeypatch, **apples.settings)
    yield desk
    desk.close()


def of(session: Session) -> str | None:
    return session.environment


def test_the_views_show_where_a_token_was_taken(desk: Desk, apples: Apples) -> None:
    tokens = desk.phones(3)
    apples.made_for("production", tokens[0])
    apples.made_for("sandbox", *tokens[1:])
    desk.end()
    desk.say("deliver")
    believed = dict(zip(tokens, ["production", "sandbox", "sandbox"], strict=True))
    assert {session.token: of(session) for session in desk.sessions} == believed
    for rows in (desk.ask("why", STREAM)["phones"], desk.ask("sessions")):
        shown = {row["token_fingerprint"]: row["environment"] for row in rows}
        assert shown == {fingerprint(token): each for token, each in believed.items()}
    for command in (("why", STREAM), ("sessions",)):
        said = desk.say(*command)
        assert "ENVIRONMENT" in said
        assert said.count("sandbox") == 2


def test_a_probe_asks_each_environment(desk: Desk, apples: Apples) -> None:
    said = desk.say("check", "--probe")
    assert "ok    probe production: Apple knows us" in said
    assert "ok    probe sandbox: Apple knows us" in said
    assert len(apples.production.received) == len(apples.sandbox.received) == 1


def test_a_probe_says_which_environment_does_not_take_the_key(desk: Desk, apples: Apples) -> None:
    apples.sandbox.answer_all(WRONG_KEY)
    result = desk.run("check", "--probe")
    assert result.exit_code == 1
    assert "ok    probe production: " in result.stdout
    assert "FAIL  probe sandbox: " in result.stdout
    assert "create one for both" in result.stdout


def test_a_probe_says_which_environment_does_not_answer(desk: Desk, apples: Apples) -> None:
    with apples.sandbox.outage():
        result = desk.run("check", "--probe")
    assert "ok    probe production: " in result.stdout
    assert "FAIL  probe sandbox: expected BadDeviceToken, and the answer was libcurl 7" in (
        result.stdout
    )


def test_bad_tokens_are_no_doubt_of_the_environment(desk: Desk, apples: Apples) -> None:
    tokens = desk.phones(6)
    apples.made_for("production", *tokens)
    apples.made_for("sandbox", *tokens)
    desk.end()
    desk.run("deliver")
    assert desk.ask("status")["environment_alarm"] is True
    said = desk.say("status")
    assert "bad ones in both environments: LIVE_ACTIVITY_APNS_BUNDLE_ID" in said
    assert "LIVE_ACTIVITY_APNS_ENVIRONMENT" not in said


def test_who_waits_for_an_environment_says_so(desk: Desk, apples: Apples) -> None:
    token, *_ = desk.phones(1)
    apples.made_for("sandbox", token)
    desk.end()
    with apples.sandbox.outage():
        desk.run("deliver")
    (row,) = desk.ask("why", STREAM)["phones"]
    assert (row["environment"], row["attempts"]) == ("sandbox", 0)
    assert row["answer"].startswith("sandbox: libcurl 7")
    assert row["next_try"] is not None
