"""Apple refuses, for all or for some, in the midst of a fan-out."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from push.engine import RawAnswer

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.simulator.received import Received

from .apple_stage import HELD_IS_SAID, UNREACHABLE_IS_SAID, Stage, a_stage
from .audience import BYSTANDERS, a_token, until

PHONES = 400
# Of those that were not given a second token before the end.
SOME = [number for number in range(PHONES) if number % (PHONES // BYSTANDERS)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES) as stage:
        yield stage


def refused(stage: Stage, status: int) -> int:
    return sum(push.status == status for push in stage.apns.received)


def test_503_with_retry_after_for_all(stage: Stage) -> None:
    stage.apns.delay(0.05)
    stage.audience.end()
    with stage.worker() as worker:
        stage.midst()
        stage.apns.answer_all(Answer.unavailable(retry_after=2))
        assert until(lambda: refused(stage, 503) >= 100, 20)
        stage.come_late()
        stage.apns.answer_all(None)
        stage.all_are_well(worker)
    by_token: dict[str, list[Received]] = defaultdict(list)
    for push in stage.apns.received:
        by_token[push.token].append(push)
    for pushes in by_token.values():
        for before, after in pairwise(pushes):
            assert before.status == 503
            assert after.at - before.at >= 1.9, "it waits as long as it was told to"
    assert stage.said.count(UNREACHABLE_IS_SAID) == stage.said.count(HELD_IS_SAID) == 0


def test_some_are_refused_each_in_its_way(stage: Stage) -> None:
    busy, reborn, dead, sick = (SOME[first:360:4] for first in range(4))
    for number in busy:
        stage.apns.answer(a_token(number), Answer.too_many_requests())
    for number in reborn:
        stage.apns.answer(a_token(number), Answer.gone(time.time() - 3600))
    for number in dead:
        stage.apns.answer_always(a_token(number), Answer.gone(time.time() + 3600))
    for number in sick:
        stage.apns.answer(a_token(number), Answer.internal_server_error())
    stage.audience.end()
    with stage.worker() as worker:
        stage.all_are_well(worker)
    rows = {row.token: row for row in stage.storage.sessions.page(limit=10_000)}
    for number in dead:
        row = rows[a_token(number)]
        assert (row.status, row.reason) == (SessionStatus.DEAD, "Unregistered")
    for number in [*busy, *reborn, *sick]:
        row = rows[a_token(number)]
        assert (row.status, row.attempts) == (SessionStatus.ENDED, 1)


def test_all_are_refused_until_somebody_mends_it(stage: Stage) -> None:
    elsewhere = f"https://127.0.0.1:{stage.apns.port}/3/device/{'e' * 64}"
    answers = {
        "InvalidProviderToken": Answer.invalid_provider_token(),
        "HTTP 418": RawAnswer(418, raw=b"I am a teapot"),
        "HTTP 302": RawAnswer(302, raw=b"<html>", headers=(("location", elsewhere),)),
    }
    stage.apns.delay(0.05)
    stage.audience.end()
    with stage.worker() as worker:
        stage.midst()
        for times, (reason, answer) in enumerate(answers.items(), 1):
            stage.apns.answer_all(answer)
            stage.come_late()
            assert until(lambda: stage.said.count(HELD_IS_SAID) == times, 20)  # noqa: B023
            knocks = len(stage.apns.received)
            stage.come_late()
            time.sleep(0.5)  # nothing may be sent meanwhile
            assert len(stage.apns.received) == knocks, "a held stream is left alone"
            assert [event.held_reason for event in stage.storage.streams.held(9)] == [reason]
            stage.apns.answer_all(None)
            stage.lift()
            stage.audience.wait_until_told(20)
        stage.all_are_well(worker)
    assert "e" * 64 not in {push.token for push in stage.apns.received}, "it was followed"
    # A connection that goes back to one stream resets what is too much; that push is sent later.
    assert max(stage.attempts()) <= 1
    assert stage.said.count(HELD_IS_SAID) == len(answers)


def test_bodies_that_are_none(stage: Stage) -> None:
    stage.audience.end()
    with stage.worker() as worker:
        for times, answer in (
            (20, RawAnswer(599, raw=b'{"reason": "\\u0000\\ud800"')),
            (20, RawAnswer(500, raw=b"[" * 60_000)),
            (1, RawAnswer(503, raw=b"x" * 1_000_000)),
            (1, RawAnswer(200, raw=b"x" * 1_000_000)),
        ):
            stage.apns.answer_next(times, answer)
        stage.come_late(50)
        stage.audience.wait_until_told(30)
        stage.all_are_well(worker)
    assert sum(push.status == 599 for push in stage.apns.received) == 20
    assert stage.said.count(UNREACHABLE_IS_SAID) == 1


def test_a_200_with_a_body_is_a_200(stage: Stage) -> None:
    stage.apns.answer_all(RawAnswer(200, raw=b'{"reason": "BadDeviceToken"}'))
    stage.audience.end()
    with stage.worker() as worker:
        stage.all_are_well(worker)
    assert len(stage.front.accepted) == len(stage.audience.tokens | stage.others)


def test_its_certificate_is_not_trusted(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    stage.audience.end()
    with LocalApns(certificate_folder=folder) as stranger:
        config = {"LIVE_ACTIVITY_APNS_CA": str(stranger.ca_file)}
        with stage.worker(**config) as worker:
            assert until(lambda: HELD_IS_SAID in stage.said, 20)
            assert worker.poll() is None
        assert stage.apns.received == []
    assert stage.audience.pending == PHONES
    with stage.worker() as worker:
        stage.lift()
        stage.all_are_well(worker)
    # A connection that goes back to one stream resets what is too much; that push is sent later.
    assert max(stage.attempts()) <= 1
    assert stage.said.count(HELD_IS_SAID) == 1
