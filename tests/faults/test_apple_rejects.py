"""Tokens that Apple rejects again and again are given up at last; by a clock turned by hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from delivery.world import Clock, apns_push

from flask_allmine_liveactivity.delivery.outcomes import REJECTION_WAITS
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.model import SessionStatus

from .apple_stage import Stage, a_stage
from .audience import a_token, until

PHONES = 300
STRANGERS = [number for number in range(PHONES) if number % 15 == 1]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES) as stage:
        yield stage


def test_a_bad_device_token_is_tried_three_times_and_given_up(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_allmine_liveactivity.delivery.runner")
    strangers = {a_token(number) for number in STRANGERS}
    assert strangers <= stage.audience.tokens
    stage.apns.tokens_of_other_environment.update(strangers)
    stage.audience.end()
    clock = Clock(time.time())
    push = apns_push(stage.apns)
    policy = Policy(lease=60.0, batch_size=1000, sweep_interval=0.1)
    delivery = Delivery(stage.storage, push, policy, clock)
    stopped = threading.Event()
    loop = threading.Thread(
        target=deliver_until_stopped, args=(delivery, threading.Event(), stopped, 0.1)
    )
    loop.start()
    try:
        assert until(lambda: stage.audience.pending == len(strangers), 20)
        for times, wait in enumerate(REJECTION_WAITS, 1):
            assert until(lambda: rejections(stage, strangers) == {times}, 20)  # noqa: B023
            clock.now += wait - 10
            pushed = len(stage.apns.received)
            time.sleep(0.5)  # nothing may be sent meanwhile
            assert len(stage.apns.received) == pushed, "too early"
            clock.now += 20
        stage.audience.wait_until_told(20)
        stage.audience.check()
    finally:
        stopped.set()
        delivery.stop()
        loop.join(10)
        push.close()
    rows = [row for row in stage.storage.sessions.page(limit=10_000) if row.token in strangers]
    assert {(row.status, row.reason) for row in rows} == {(SessionStatus.DEAD, "BadDeviceToken")}
    assert sum(received.token in strangers for received in stage.apns.received) == 3 * len(rows)
    assert sum("tokens were rejected" in record.getMessage() for record in caplog.records) == 1
    assert not any(token in caplog.text for token in strangers)


def rejections(stage: Stage, tokens: set[str]) -> set[int]:
    rows = stage.storage.sessions.page(limit=10_000)
    return {row.rejections for row in rows if row.token in tokens}
