"""What a backend of somebody else's may answer with: stored, logged and counted all the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest
import services
from storage.opening import open_storage

from flask_allmine_liveactivity.model import Push, PushResult, SessionStatus, Verdict
from flask_allmine_liveactivity.push.base import LONGEST_REASON, storable
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import STREAM, World, delivered

ODD: list[Any] = [
    "x" * 256,
    "😀" * 300,
    "<html>" + "refused " * 10_000,
    "a NUL \x00 in it",
    "half a pair \ud800",
    "two\nlines\r\nof\u2028text",
    "\x1b[31mred\x1b[0m",
    "",
    "\x00",
    b"bytes \xff",
    410,
    ConnectionError("no route"),
    HTTPStatus.FORBIDDEN,
    ["a", "list"],
]


@contextmanager
def a_storage(name: str) -> Iterator[Storage]:
    if name == "memory":
        yield MemoryStorage()
        return
    with getattr(services, name)() as uri:
        storage = open_storage(uri)
        storage.prepare()
        yield storage
        storage.close()


@pytest.fixture(scope="module", params=["memory", "postgresql", "mariadb", "mongodb"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    with a_storage(request.param) as storage:
        yield storage


@pytest.fixture
def world(storage: Storage) -> Iterator[World]:
    world = World(storage)
    yield world
    storage.streams.reopen(STREAM, world.clock())
    storage.purge(world.clock() + 10**9)


def a_result(verdict: Verdict = Verdict.RETRY, **more: Any) -> PushResult:
    return PushResult(push=object(), verdict=verdict, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [Verdict.MISCONFIGURED, Verdict.REJECTED, Verdict.RETRY])
@pytest.mark.parametrize("reason", ODD, ids=lambda reason: repr(reason)[:20])
def test_any_reason_is_stored(
    world: World, verdict: Verdict, reason: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.register_many(8)
    world.end()
    world.answer = lambda push: PushResult(push, verdict, reason=reason)
    with caplog.at_level(logging.INFO):
        world.run()
    kept = {row.reason for row in world.sessions()}
    event = world.storage.streams.read(STREAM)
    assert event is not None
    assert (event.held_since is not None) == (verdict is Verdict.MISCONFIGURED)
    for text in (*kept, event.held_reason):
        assert text is None or (len(text) <= LONGEST_REASON and text.isprintable())
    assert not [record for record in caplog.records if record.exc_info]
    world.answer = delivered


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("BadDeviceToken", "BadDeviceToken"),
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 255),
        ("a\x00b\nc", "a b c"),
        (" \n ", None),
        (b"TooManyRequests", "TooManyRequests"),
        (410, "410"),
        (None, None),
    ],
)
def test_a_reason_becomes_one_line(reason: Any, kept: str | None) -> None:
    assert storable(a_result(reason=reason)).reason == kept


@pytest.mark.parametrize("value", ["60", float("nan"), float("inf"), True, [], b"60"])
@pytest.mark.parametrize("name", ["retry_after", "gone_since"])
def test_what_is_no_number_of_seconds_is_left_out(name: str, value: Any) -> None:
    assert getattr(storable(a_result(**{name: value})), name) is None


def test_a_result_that_can_be_stored_is_the_same_object() -> None:
    result = a_result(reason="TooManyRequests", retry_after=5.0, gone_since=1.0)
    assert storable(result) is result


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.GONE])
def test_a_backend_whose_seconds_are_none_stops_nobody(verdict: Verdict) -> None:
    world = World(MemoryStorage())
    world.register_many(3)
    world.end()
    world.answer = lambda push: PushResult(
        push,
        verdict,
        retry_after="60",  # type: ignore[arg-type]
        gone_since=float("nan"),
    )
    world.run()
    status = SessionStatus.ACTIVE if verdict is Verdict.RETRY else SessionStatus.DEAD
    assert world.statuses() == {status}


def test_the_probe_shows_one_line() -> None:
    from extension.apps import make_app

    def answer(push: Push) -> PushResult:
        return PushResult(push, Verdict.REJECTED, reason="<html>\n" + "x" * 1000)

    app = make_app(given={"push": MemoryPush(answer)})
    said = app.test_cli_runner().invoke(args=["live-activity", "check", "--probe"]).output
    assert max(map(len, said.splitlines())) < 400
