"""Delivery through the `apns` engine and a local APNs, on SQLite."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.delivery.refusals import SEVERAL
from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch
from flask_allmine_liveactivity.model import SessionStatus, StreamState
from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.storage.base import Storage

from .world import OTHER_STREAM, STREAM, World, apns_push, wait_until


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns() as apns:
        yield apns


@pytest.fixture
def world(apns: LocalApns, sqlite: Storage) -> Iterator[World]:
    push = apns_push(apns)
    yield World(sqlite, push, clock=time.time)
    push.close()


def told(apns: LocalApns) -> set[str]:
    return {received.token for received in apns.accepted}


def test_every_phone_gets_one_end_that_it_takes(apns: LocalApns, world: World) -> None:
    tokens = world.register_many(150)
    world.end(content_state={"state": "ready"})
    world.run()
    assert sorted(received.token for received in apns.accepted) == sorted(tokens)
    assert {(received.event, received.problems) for received in apns.accepted} == {("end", ())}
    assert world.statuses() == {SessionStatus.ENDED}


def test_each_answer_ends_where_the_design_says(apns: LocalApns, world: World) -> None:
    tokens = world.register_many(6)
    answers = [
        Answer.gone(time.time() + 1),
        Answer.gone(time.time() - 999),
        Answer.bad_device_token(),
        Answer.too_many_requests(retry_after=500),
        Answer.internal_server_error(),
    ]
    for token, answer in zip(tokens, answers, strict=False):
        apns.answer(token, answer)
    world.end()
    world.run()
    assert [(row.status.value, row.reason, row.attempts) for row in map(world.session, tokens)] == [
        ("dead", "Unregistered", 1),
        ("active", "Unregistered", 1),
        ("active", "BadDeviceToken", 1),
        ("active", "TooManyRequests", 1),
        ("active", "InternalServerError", 1),
        ("ended", None, 0),
    ]


def test_a_wrong_key_holds_the_stream_and_costs_a_few_pushes(apns: LocalApns, world: World) -> None:
    world.register_many(50)
    apns.answer_all(Answer.invalid_provider_token())
    world.end()
    world.run()
    assert len(apns.received) <= 2 * SEVERAL
    assert world.event().held_reason == "InvalidProviderToken"
    assert {(row.attempts, row.claim_id) for row in world.sessions()} == {(0, None)}


def test_what_is_said_in_mid_run_reaches_the_later_batches(
    apns: LocalApns, sqlite: Storage
) -> None:
    push = apns_push(apns)
    world = World(sqlite, push, clock=time.time, batch_size=50)
    world.register_many(200)
    world.end(StreamState.READY)
    pushed = 0

    def say_more() -> None:
        nonlocal pushed
        pushed += 1
        if pushed == 60:
            world.end(StreamState.CANCELLED)

    world.delivery.run(on_result=say_more)
    push.close()
    assert len(told(apns)) == 200
    assert len({received.timestamp for received in apns.accepted}) == 2
    assert world.event().due_at > time.time()


def test_a_small_stream_beside_a_large_one_is_told_soon(apns: LocalApns, sqlite: Storage) -> None:
    push = apns_push(apns)
    world = World(sqlite, push, clock=time.time, batch_size=50)
    world.register_many(400)
    small = world.register_many(3, OTHER_STREAM)
    world.end()
    world.end(stream=OTHER_STREAM)
    world.run()
    push.close()
    assert set(small) <= {received.token for received in apns.accepted[:210]}


def test_apple_may_be_gone_for_three_seconds_in_mid_run(apns: LocalApns, sqlite: Storage) -> None:
    push = apns_push(apns)
    world = World(sqlite, push, clock=time.time, batch_size=50)
    tokens = world.register_many(400)
    apns.delay(0.02)
    dispatch = ThreadDispatch(lambda: world.delivery, sweep_interval=15.0)
    world.end()
    dispatch.wake(STREAM)
    apns.wait_for(30)
    with apns.outage():
        assert len(told(apns)) < 400
        time.sleep(3)  # pushes are tried meanwhile, and none may count against its token
    wait_until(lambda: world.statuses() == {SessionStatus.ENDED}, timeout=15)
    dispatch.close()
    push.close()
    assert told(apns) == set(tokens)
    assert {(row.attempts, row.reason) for row in world.sessions()} == {(0, None)}


def test_no_token_is_logged_in_a_run_full_of_refusals(
    apns: LocalApns, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flask_allmine_liveactivity")
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    tokens = world.register_many(12)
    for token in tokens[:8]:
        apns.answer(token, Answer.bad_device_token())
    apns.answer(tokens[8], Answer.gone(time.time() + 1))
    apns.answer(tokens[9], Answer.internal_server_error())
    world.end()
    world.run()
    apns.answer_all(Answer.invalid_provider_token())
    world.end(StreamState.CANCELLED)
    world.storage.sessions.revive(None, time.time())
    world.run()
    with apns.outage():
        world.end(StreamState.STARTED)
        world.run()
    assert "8 of 12" in caplog.text
    assert not any(token in caplog.text for token in tokens)
