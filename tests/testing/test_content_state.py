"""A host's content-state against the app's declaration."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional

import pytest
from flask import Flask

from flask_allmine_liveactivity import StreamState, notify_stream_state
from flask_allmine_liveactivity.testing import (
    ContentState,
    ContentStateMismatch,
    Outbox,
    check_content_state,
)

from .host import STREAM

DECLARED = {
    "title": str,
    "startsAt": float,
    "viewers": int,
    "isLive": bool,
    "note": Optional[str],  # noqa: UP045 - the older way to write it
    "phase": Literal["soon", "live"],
    "hosts": list[str],
    "venue": {"name": str, "hall": int | None},
}
RIGHT: dict[str, Any] = {
    "title": "A talk",
    "startsAt": 1_768_471_200,
    "viewers": 3,
    "isLive": False,
    "phase": "soon",
    "hosts": ["Ada", "Grace"],
    "venue": {"name": "Library"},
}


def mismatch(value: object, declared: Any = DECLARED) -> list[str]:
    with pytest.raises(ContentStateMismatch) as error:
        check_content_state(value, declared)
    return str(error.value).splitlines()


def test_what_decodes_passes() -> None:
    check_content_state(RIGHT, DECLARED)
    check_content_state(RIGHT | {"note": None}, ContentState(DECLARED))
    check_content_state(RIGHT | {"viewers": 3.0, "hosts": ("Ada",)}, DECLARED)


def test_a_mismatch_is_a_failed_assertion() -> None:
    assert issubclass(ContentStateMismatch, AssertionError)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"viewers": 1.5}, "content-state.viewers is 1.5, and must be an Int."),
        ({"viewers": "3"}, "content-state.viewers is '3', and must be an Int."),
        ({"viewers": None}, "content-state.viewers is null, and must be an Int."),
        ({"isLive": 1}, "content-state.isLive is 1, and must be a Bool."),
        ({"startsAt": "soon"}, "content-state.startsAt is 'soon', and must be a Double."),
        ({"note": 7}, "content-state.note is 7, and must be a String."),
        ({"phase": "over"}, "content-state.phase is 'over', and must be one of 'soon', 'live'."),
        ({"hosts": ["Ada", 7]}, "content-state.hosts[1] is 7, and must be a String."),
        ({"hosts": "Ada"}, "content-state.hosts is 'Ada', and must be an array."),
        ({"venue": {"name": 7}}, "content-state.venue.name is 7, and must be a String."),
        ({"venue": []}, "content-state.venue is [], and must be an object."),
    ],
)
def test_the_path_and_the_type_are_named(change: dict[str, Any], why: str) -> None:
    assert mismatch(RIGHT | change) == [why]


@pytest.mark.parametrize("key", ["title", "startsAt", "venue"])
def test_a_key_that_is_missing(key: str) -> None:
    without = {name: value for name, value in RIGHT.items() if name != key}
    assert mismatch(without) == [
        f"content-state has no {key!r}, which the app's ContentState requires."
    ]


def test_a_key_in_another_spelling_is_named_with_the_one_that_was_meant() -> None:
    misspelt = {name: value for name, value in RIGHT.items() if name != "startsAt"}
    assert mismatch(misspelt | {"starts_at": 1.0}) == [
        "content-state has no 'startsAt', which the app's ContentState requires.",
        "content-state has 'starts_at', which the app does not declare and ignores: "
        "did you mean 'startsAt'?",
    ]


def test_an_optional_key_in_another_spelling_would_be_lost_in_silence() -> None:
    assert mismatch(RIGHT | {"Note": "late"}) == [
        "content-state has 'Note', which the app does not declare and ignores: did you mean 'note'?"
    ]


@pytest.mark.parametrize(
    ("declared", "value", "path"),
    [
        ({"a": {"b": str}}, {"a": {"b": "", "x": 1}}, "content-state.a has 'x'"),
        ({"a": list[ContentState({"b": str})]}, {"a": [{"b": "", "x": 1}]}, "a[0] has 'x'"),  # type: ignore[misc]
        ({"a": dict[str, ContentState({"b": str})]}, {"a": {"k": {"b": "", "x": 1}}}, "a.k has"),  # type: ignore[misc]
        ({"a": ContentState({"b": str}) | None}, {"a": {"b": "", "x": 1}}, "a has 'x'"),
    ],
)
def test_unknown_keys_are_found_inside(declared: Any, value: Any, path: str) -> None:
    (problem,) = mismatch(value, declared)
    assert path in problem
    check_content_state(value, declared, allow_unknown=True)


@pytest.mark.parametrize("value", [{}, {"a": None}, {"a": {"b": "c"}}])
def test_a_nested_structure_may_be_optional(value: Any) -> None:
    check_content_state(value, {"a": ContentState({"b": str}) | None})


def test_an_enumeration_is_its_raw_values() -> None:
    class Hall(Enum):
        LARGE = 1
        SMALL = 2

    check_content_state({"hall": 2, "state": StreamState.READY}, {"hall": Hall, "state": str})
    check_content_state({"state": "ready"}, {"state": StreamState})
    assert mismatch({"hall": 3}, {"hall": Hall}) == [
        "content-state.hall is 3, and must be one of 1, 2."
    ]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (datetime(2026, 1, 15, tzinfo=UTC), "is a datetime, which JSON does not have: send a num"),
        (date(2026, 1, 15), "is a date, which JSON does not have"),
        (Decimal(1), "is a Decimal, which JSON does not have."),
        (b"1", "is a bytes, which JSON does not have."),
        (float("nan"), "is nan: JSON has only finite numbers."),
    ],
)
def test_what_is_no_json_is_named(value: object, why: str) -> None:
    (problem,) = mismatch({"a": [value]}, {"a": list[float]})
    assert problem.startswith("content-state.a[0] ")
    assert why in problem


def test_keys_that_are_no_strings() -> None:
    assert mismatch({1: "a"}, {"a": str})[0] == (
        "content-state has the key 1: keys of JSON are strings."
    )


@pytest.mark.parametrize("value", [[], "a", 1, True])
def test_it_must_be_an_object(value: object) -> None:
    assert "must be an object" in mismatch(value)[0]


def test_none_is_no_content_state() -> None:
    assert "There is no content-state" in mismatch(None)[0]


@pytest.mark.parametrize("declared", [datetime, date, Optional[datetime], list[datetime]])  # noqa: UP045
def test_a_date_is_warned_about(declared: Any) -> None:
    with pytest.raises(TypeError, match="seconds since 2001-01-01"):
        check_content_state({"startsAt": 1.0}, {"startsAt": declared})


def test_it_checks_what_was_pushed(app: Flask, live_activity_outbox: Outbox) -> None:
    live_activity_outbox.register(STREAM)
    with app.app_context():
        notify_stream_state(STREAM, "ready", content_state={"phase": "live", "viewers": 3})
    (push,) = live_activity_outbox
    check_content_state(push.content_state, {"phase": str, "viewers": int})
    with pytest.raises(ContentStateMismatch, match=r"viewers is 3, and must be a String"):
        check_content_state(push.content_state, {"phase": str, "viewers": str})


def test_it_needs_no_extra() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('h2', 'pytest')))\n"
        "from flask_allmine_liveactivity.testing import check_content_state\n"
        "check_content_state({'a': 1}, {'a': int})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
