"""``check`` asks the host what a stream is, and says what it answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extension.apps import OTHER_STREAM, STREAM, installation, make_app, register
from flask import Flask

from flask_allmine_liveactivity import Countdown, StreamState
from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.checks import Finding
from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.streams.announcement import stream_state

COUNTDOWN = Countdown(starts_at=1_768_473_000, content_state={"title": "a talk"})


def asks(installed: Installation, callback: Callable[[list[str]], Any]) -> None:
    installed.callbacks.streams = callback


def found(installed: Installation) -> Finding:
    checked = operations.check(installed)
    (finding,) = [each for each in checked.findings if each.subject == "streams"]
    assert checked.ok is finding.ok
    return finding


def test_without_a_callback_it_says_what_one_is_for(installed: Installation) -> None:
    finding = found(installed)
    assert finding.ok
    assert "none: with a function at @live_activity.streams" in finding.detail


def test_while_no_stream_is_known_it_says_how_often_it_will_be_asked(
    app: Flask, installed: Installation
) -> None:
    asks(installed, lambda ids: {1: 1 / 0})
    assert found(installed) == Finding(
        "streams", True, "asked every 60 s; there is no stream yet to try it with"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (COUNTDOWN, "that it starts at 2026-01-15T10:30:00Z"),
        (StreamState.READY, "ready"),
        ("ready", "ready"),
        (None, "that it is to come, with nothing to show"),
    ],
)
def test_it_says_what_the_host_answers_and_writes_nothing(
    app: Flask, installed: Installation, answer: object, said: str
) -> None:
    register(app)
    asks(installed, lambda ids: dict.fromkeys(ids, answer))
    before = installed.storage.streams.read(STREAM)
    assert found(installed) == Finding(
        "streams", True, f"asked every 60 s; of stream {STREAM} it says {said}"
    )
    assert installed.storage.streams.read(STREAM) == before


def test_of_a_stream_that_the_host_leaves_out_it_says_so(
    app: Flask, installed: Installation
) -> None:
    register(app)
    asks(installed, lambda ids: {OTHER_STREAM: None})
    finding = found(installed)
    assert finding.ok
    assert finding.detail.endswith("it says nothing: it is asked again later")


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (lambda ids: {}[ids[0]], f"KeyError: '{STREAM}'"),
        (lambda ids: [], "TypeError: the streams callback must return a mapping by stream id"),
        (lambda ids: {ids[0]: False}, "TypeError: the streams callback must answer a Countdown"),
        (lambda ids: {ids[0]: "over"}, "TypeError: the streams callback must answer a Countdown"),
        (lambda ids: {"a stream": None}, "ValueError: a stream id must match"),
        (
            lambda ids: {ids[0]: Countdown(starts_at=9e9, content_state={"title": "x" * 5000})},
            "PayloadTooLarge: ",
        ),
    ],
)
def test_a_callback_that_fails_is_a_failure_with_its_reason(
    app: Flask, installed: Installation, callback: Callable[[list[str]], Any], said: str
) -> None:
    register(app)
    asks(installed, callback)
    finding = found(installed)
    assert not finding.ok
    assert finding.detail.startswith(f"asked about stream {STREAM}: {said}")


def test_it_asks_about_a_stream_that_runs(app: Flask, installed: Installation) -> None:
    asked: list[str] = []
    register(app, streamId=OTHER_STREAM)
    installed.announce(STREAM, stream_state("ready"))
    asks(installed, lambda ids: asked.extend(ids) or {})  # type: ignore[func-returns-value]
    found(installed)
    assert asked == [OTHER_STREAM]


def test_it_asks_about_a_stream_that_nobody_follows_yet(
    app: Flask, installed: Installation
) -> None:
    asks(installed, lambda ids: dict.fromkeys(ids, COUNTDOWN))
    installed.streams.changed(STREAM, None)
    assert STREAM in found(installed).detail


def test_an_async_callback_is_asked(app: Flask, installed: Installation) -> None:
    async def streams(ids: list[str]) -> dict[str, None]:
        return dict.fromkeys(ids)

    register(app)
    asks(installed, streams)
    assert found(installed).ok


def test_an_async_callback_without_flasks_extra_is_said_to_be_one(
    app: Flask, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def streams(ids: list[str]) -> dict[str, None]:
        return dict.fromkeys(ids)

    register(app)
    asks(installed, streams)
    monkeypatch.setitem(sys.modules, "asgiref.sync", None)
    finding = found(installed)
    assert not finding.ok
    assert finding.detail.startswith("it is async. ")


def test_nothing_is_made_to_find_a_stream(tmp_path: Path) -> None:
    app = make_app(LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/live.db")
    installed = installation(app)
    asks(installed, lambda ids: {})
    with app.app_context():
        assert found(installed).ok
    assert not (tmp_path / "live.db").exists()
    installed.close()
