"""``why``: each phone of a stream, what it was answered, and when it is tried again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation

from flask_allmine_liveactivity.app.operations import listing
from flask_allmine_liveactivity.cli.printing import utc
from flask_allmine_liveactivity.model import fingerprint
from flask_allmine_liveactivity.simulator import Answer

from .desk import HOUR, Desk


def phones(desk: Desk, *options: str) -> dict[str, dict[str, Any]]:
    """By the token's fingerprint."""
    return {row["token_fingerprint"]: row for row in desk.ask("why", STREAM, *options)["phones"]}


def test_each_phone_says_what_it_was_answered_and_when_it_is_tried_again(
    desk_on_each: Desk,
) -> None:
    desk = desk_on_each
    told, bad, gone, busy = desk.phones(4)
    desk.apns.answer(bad, Answer.bad_device_token())
    desk.apns.answer(gone, Answer.gone(time.time() + 60))
    desk.apns.answer(busy, Answer.too_many_requests(retry_after=500))
    desk.end()
    desk.say("deliver")
    found = phones(desk)
    due = {session.token: utc(session.due_at) for session in desk.sessions}
    said = {
        token: (row["status"], row["answer"], row["attempts"], row["next_try"])
        for token in (told, bad, gone, busy)
        for row in [found[fingerprint(token)]]
    }
    assert said == {
        told: ("ended", "accepted", 0, None),
        bad: ("active", "BadDeviceToken", 1, due[bad]),
        gone: ("dead", "Unregistered", 1, None),
        busy: ("active", "TooManyRequests", 1, due[busy]),
    }
    lines = {line.split()[0]: line for line in desk.say("why", STREAM).splitlines()}
    assert lines["TOKEN"].split() == [
        "TOKEN", "ENVIRONMENT", "DEVICE", "USER", "STATUS", "TOLD", "REFUSED",
        "LAST", "ANSWER", "NEXT", "TRY",
    ]  # fmt: skip
    assert lines[fingerprint(bad)].split() == [
        fingerprint(bad), "-", "phone-2", "user-2", "active", "-", "1", "BadDeviceToken", due[bad],
    ]  # fmt: skip
    assert lines[fingerprint(told)].split()[-2:] == ["accepted", "-"]


def test_the_head_says_what_stands(desk: Desk) -> None:
    desk.phones(1)
    assert desk.say("why", STREAM).startswith(f"stream {STREAM}: to come, nothing was announced\n")
    desk.end(state="cancelled")
    said = desk.say("why", STREAM)
    assert said.startswith(f"stream {STREAM}: cancelled, revision 1\nlooked at next: now\n")
    report = desk.ask("why", STREAM)
    assert (report["event"], report["state"], report["revision"]) == ("end", "cancelled", 1)
    assert report["held_reason"] is report["held_since"] is None


def test_a_held_streams_phones_are_tried_when_it_is_looked_at(desk: Desk) -> None:
    (token,) = desk.phones(1)
    desk.apns.answer_all(Answer.invalid_provider_token())
    desk.end()
    desk.run("deliver")
    event = installation(desk.app).storage.streams.read(STREAM)
    assert event is not None
    report = desk.ask("why", STREAM)
    assert report["held_reason"] == "InvalidProviderToken"
    assert report["held_since"] == utc(event.held_since)
    assert report["next_look"] == utc(event.due_at)
    assert phones(desk)[fingerprint(token)]["next_try"] == utc(event.due_at)
    assert f"held: InvalidProviderToken, since {utc(event.held_since)}" in desk.say("why", STREAM)


def test_a_phone_in_a_workers_hands_is_under_way(desk: Desk) -> None:
    desk.phones(1)
    desk.end()
    now = time.time()
    storage = installation(desk.app).storage
    storage.sessions.claim(STREAM, 1, claim_id="c" * 32, limit=1, now=now, leased_until=now + 60)
    (row,) = phones(desk).values()
    assert (row["under_way"], row["next_try"]) == (True, utc(now + 60))
    assert "under way" in desk.say("why", STREAM)


@pytest.mark.parametrize(
    ("happens", "said"),
    [("nothing", "at the stream's end"), ("reopen", "at the stream's end"), ("expiry", "-")],
)
def test_who_has_nothing_to_be_told_is_not_tried(desk: Desk, happens: str, said: str) -> None:
    desk.phones(1)
    if happens == "reopen":
        desk.end()
        desk.say("reopen", STREAM)
    elif happens == "expiry":
        desk.end()
        desk.pass_time(13 * HOUR)
    (row,) = phones(desk).values()
    assert (row["pending"], row["next_try"], row["answer"]) == (False, None, None)
    assert desk.say("why", STREAM).rstrip().endswith(said)


def test_no_token_is_shown(desk: Desk) -> None:
    (token,) = desk.phones(1)
    for options in ((), ("--json",)):
        assert token not in desk.say("why", STREAM, *options)


def test_a_phone_that_was_released_has_no_user(desk: Desk) -> None:
    desk.phones(1)
    desk.say("forget", "user-1", "--yes")
    (row,) = phones(desk).values()
    assert (row["user"], row["device"]) == (None, "")
    assert desk.say("why", STREAM).splitlines()[-1].split()[1:3] == ["-", "-"]


# --- which, and how many --------------------------------------------------------------------------


def test_phones_of_other_streams_are_not_shown(desk: Desk) -> None:
    desk.phones(2, OTHER_STREAM)
    assert desk.ask("why", STREAM)["phones"] == []


def test_they_are_chosen_by_status_and_user(desk: Desk) -> None:
    told, waits = desk.phones(2)
    desk.apns.answer(waits, Answer.bad_device_token())
    desk.end()
    desk.say("deliver")
    assert list(phones(desk, "--status", "active")) == [fingerprint(waits)]
    assert list(phones(desk, "--user", "user-1")) == [fingerprint(told)]
    assert phones(desk, "--status", "dead") == {}
    assert "No phones found." in desk.say("why", STREAM, "--status", "dead")


def test_an_audience_is_shown_page_by_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    desk.phones(8)
    seen, after = [], ""
    while after is not None:
        report = desk.ask("why", STREAM, "--limit", "3", "--after", after)
        seen.append([row["session"] for row in report["phones"]])
        after = report["next_page_after"]
    assert [len(page) for page in seen] == [3, 3, 2]
    assert [each for page in seen for each in page] == [s.session_id for s in desk.sessions]


def test_a_full_page_says_how_to_go_on(desk: Desk) -> None:
    desk.phones(4)
    said = desk.say("why", STREAM, "--limit", "3")
    third = desk.sessions[2].session_id
    assert f"There may be more: --after {third}; --status active: only those that run" in said
    assert "There may be more" not in desk.say("why", STREAM, "--after", third)


# --- where there is nothing -----------------------------------------------------------------------


def test_of_a_stream_of_which_nothing_is_known_it_says_so(desk: Desk) -> None:
    assert desk.say("why", STREAM).startswith(f"Nothing is known of stream {STREAM}")
    report = desk.ask("why", STREAM)
    assert (report["event"], report["revision"], report["phones"]) == (None, None, [])


def test_what_is_no_stream_id_is_one_line(desk: Desk) -> None:
    result = desk.run("why", "nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: a stream id must match")
