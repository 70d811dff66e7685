"""The two backends that send nothing."""

from __future__ import annotations

import logging

import pytest

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.console import ConsolePush
from flask_allmine_liveactivity.push.memory import MemoryPush

from .engine import PAYLOAD, TOKEN, a_push, pushes


def test_the_console_delivers_everything() -> None:
    assert [result.verdict for result in ConsolePush().send(pushes(3))] == [Verdict.DELIVERED] * 3


def test_the_console_shows_the_payload(caplog: pytest.LogCaptureFixture) -> None:
    list(ConsolePush().send([a_push()]))
    assert PAYLOAD.decode() in caplog.text


def test_the_console_is_seen_without_any_logging_set_up(caplog: pytest.LogCaptureFixture) -> None:
    list(ConsolePush().send([a_push()]))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_console_shows_a_fingerprint_and_not_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = a_push()
    list(ConsolePush().send([one]))
    assert one.session.fingerprint in caplog.text
    assert TOKEN not in caplog.text


def test_memory_keeps_what_was_sent() -> None:
    push, sent = MemoryPush(), pushes(3)
    list(push.send(sent))
    push.close()
    assert push.sent == sent


def test_memory_delivers_everything() -> None:
    assert [result.verdict for result in MemoryPush().send(pushes(2))] == [Verdict.DELIVERED] * 2


def test_memory_answers_as_it_is_told() -> None:
    def answer(push: Push) -> PushResult:
        return PushResult(push, Verdict.RETRY, reason="TooManyRequests")

    (result,) = MemoryPush(answer).send([a_push()])
    assert (result.verdict, result.reason) == (Verdict.RETRY, "TooManyRequests")


@pytest.mark.parametrize("backend", [ConsolePush, MemoryPush])
def test_pushes_are_drawn_one_by_one(backend: type[ConsolePush | MemoryPush]) -> None:
    source = iter(pushes(3))
    next(iter(backend().send(source)))
    assert len(list(source)) == 2
