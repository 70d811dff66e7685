"""What all commands print alike: times, tables, empty answers, nothing that a terminal obeys."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation

from flask_allmine_liveactivity.cli.printing import shown, table, utc, utc_of_next, when
from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.simulator import Answer

from .desk import Desk

COMMANDS = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text()
PROGRAMS_ASK = (
    ("check",),
    ("status",),
    ("status", STREAM),
    ("why", STREAM),
    ("sessions",),
    ("deliver",),
    ("resend",),
    ("end", STREAM, "ready"),
)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Something of each kind: told, refused, given up, held."""
    _, bad, gone = desk.phones(3)
    desk.apns.answer_always(bad, Answer.bad_device_token())
    desk.apns.answer_always(gone, Answer.gone(time.time() + 60))
    desk.end()
    desk.say("deliver")
    desk.phones(1, OTHER_STREAM, first=9)
    desk.apns.answer_next(1, Answer.invalid_provider_token())
    desk.end(OTHER_STREAM)
    assert desk.run("deliver").exit_code == 1
    return desk


# --- times ----------------------------------------------------------------------------------------


def test_a_time_is_in_utc_to_the_second() -> None:
    assert utc(1_768_473_000.9) == "2026-01-15T10:30:00Z"
    assert utc(None) is utc(NEVER) is None


def test_for_programs_what_is_due_is_due_at_the_time_that_it_is() -> None:
    """A row may say that it has been due for ever."""
    assert utc_of_next(0.0, 1_768_473_000.0) == "2026-01-15T10:30:00Z"
    assert utc_of_next(1_768_473_000.0, 5.0) == "2026-01-15T10:30:00Z"
    assert utc_of_next(None, 5.0) is utc_of_next(NEVER, 5.0) is None


def test_what_is_due_is_now_and_what_never_comes_is_never() -> None:
    assert when(5.0, 5.0) == "now"
    assert when(1_768_473_000.0, 5.0) == "2026-01-15T10:30:00Z"
    assert when(None, 5.0) == when(NEVER, 5.0) == "never"


@pytest.mark.parametrize("arguments", PROGRAMS_ASK, ids=" ".join)
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["people", "programs"])
def test_every_command_prints_times_in_one_form(
    busy: Desk, arguments: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    said = busy.run(*arguments, *as_json).output
    assert re.findall(r"\d{4}-\d\d-\d\d(?!T\d\d:\d\d:\d\dZ\b)", said) == []
    assert re.findall(r"\d\d:\d\d:\d\d(?!Z\b)", said) == []


# --- for programs ---------------------------------------------------------------------------------


def fields(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from fields(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            if name not in ("waiting", "next_tries", "dead", "reasons"):  # by reason
                yield from fields(each)


@pytest.mark.parametrize("arguments", PROGRAMS_ASK, ids=" ".join)
def test_every_field_is_documented(busy: Desk, arguments: tuple[str, ...]) -> None:
    answer = json.loads(busy.run(*arguments, "--json").stdout)
    named = set(re.findall(r"`(\w+)`", COMMANDS))
    assert set(fields(answer)) - named == set()


@pytest.mark.parametrize("arguments", PROGRAMS_ASK, ids=" ".join)
def test_an_answer_has_the_same_fields_where_there_is_nothing(
    desk: Desk, arguments: tuple[str, ...]
) -> None:
    empty = json.loads(desk.run(*arguments, "--json").stdout)
    desk.phones(1)
    desk.end()
    desk.run("deliver")
    some = json.loads(desk.run(*arguments, "--json").stdout)
    assert type(empty) is type(some)
    if isinstance(empty, dict):
        assert list(empty) == list(some)


# --- for people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", STREAM), "Nothing is known of stream"),
        (("why", STREAM), "Nothing is known of stream"),
        (("sessions",), "No sessions found."),
        (("sessions", "--user", "ada"), "No sessions found."),
        (("deliver",), "Nobody is waiting to be told."),
        (("end", STREAM, "ready"), "Nobody is waiting to be told."),
        (("resend",), "Nobody has been refused, and nothing was held."),
        (("resend", STREAM), "Nobody has been refused, and nothing was held."),
        (("reopen", STREAM), "It had not ended: there was nothing to forget."),
        (("release", "ada", "phone"), "This user has no running session on this device"),
        (("forget", "ada", "--yes"), "Nothing is known of this user."),
        (("purge",), "0 rows deleted."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_where_there_is_nothing_each_command_says_so(
    desk: Desk, arguments: tuple[str, ...], said: str
) -> None:
    assert said in desk.say(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "x"),
        ("why", "x"),
        ("sessions", "--stream", "x"),
        ("end", "x", "ready"),
        ("resend", "x"),
        ("reopen", "x"),
    ],
    ids=" ".join,
)
def test_what_is_no_stream_id_is_one_line(desk: Desk, arguments: tuple[str, ...]) -> None:
    result = desk.run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"Error: a stream id must match .*\n", result.stderr)


def test_what_could_not_be_told_yet_leads_on(desk: Desk) -> None:
    desk.phones(1)
    desk.apns.answer_all(Answer.bad_device_token())
    said = desk.say("end", STREAM, "ready")
    assert f"Why, and when they are tried again: flask live-activity status {STREAM}\n" in said
    said = desk.say("deliver")
    assert "Nobody was due.\n" in said
    assert "Why, and when they are tried again: flask live-activity status\n" in said


def test_sessions_have_headings(desk: Desk) -> None:
    desk.phones(2)
    head, first, second = desk.say("sessions").splitlines()
    assert head.split("  ")[0] == "STATUS"
    for heading in ("STREAM", "USER", "DEVICE", "ACTIVITY", "TOKEN", "LAST ANSWER"):
        at = head.index(heading)
        assert first[at - 1] == second[at - 1] == " "
        assert first[at] != " "


def test_sessions_are_listed_page_by_page(desk: Desk) -> None:
    desk.phones(5)
    ids = [session.session_id for session in desk.sessions]
    said = desk.say("sessions", "--limit", "2")
    assert f"There may be more: --after {ids[1]}\n" in said
    rows = desk.ask("sessions", "--after", ids[1])
    assert [row["session"] for row in rows] == ids[2:]
    assert "There may be more" not in desk.say("sessions", "--after", ids[1])


def test_a_table_is_as_wide_as_it_must_be() -> None:
    assert list(table(("A", "B"), [("long", "x"), ("s", "")])) == ["A     B", "long  x", "s"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("ada", "ada"),
        ("Gülşah", "Gülşah"),
        ("", "-"),
        (None, "-"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("\u202etxt", "\\u202etxt"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_is_printed_that_a_terminal_would_obey(text: str | None, printed: str) -> None:
    assert shown(text) == printed


def test_a_reason_of_a_backend_cannot_write_to_the_terminal(desk: Desk) -> None:
    desk.phones(1)
    desk.end()
    storage = installation(desk.app).storage
    event = storage.streams.read(STREAM)
    assert event is not None
    storage.streams.hold(event, "\x1b]0;title\x07", time.time(), time.time() + 60)
    for command in (("status",), ("why", STREAM)):
        assert "\x1b" not in desk.say(*command)
