"""Delivery where tokens may be of either of Apple's environments: two local Apples, on SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from apples import Apples, black_hole, two_apples

from flask_allmine_liveactivity.model import Push, PushResult, SessionStatus, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.simulator import Answer
from flask_allmine_liveactivity.storage.base import Storage

from .world import OTHER_STREAM, STREAM, World, a_token

WRONG_KEY = Answer(403, "BadEnvironmentKeyIdInToken")
P, S = a_token(1), a_token(2)


@pytest.fixture
def apples(tmp_path: Path) -> Iterator[Apples]:
    with two_apples(tmp_path / "apples") as apples:
        apples.made_for("production", P)
        apples.made_for("sandbox", S)
        yield apples


@pytest.fixture
def push(apples: Apples) -> Iterator[PushBackend]:
    with apples.engine() as engine:
        yield engine


@pytest.fixture
def world(push: PushBackend, sqlite: Storage) -> World:
    return World(sqlite, push, clock=time.time)


def standing(world: World, token: str) -> tuple[str, str | None, int, str | None]:
    row = world.session(token)
    return row.status.value, row.environment, row.attempts, row.reason


# --- what is learned of a token --------------------------------------------------------------


def test_where_a_token_was_taken_is_remembered(apples: Apples, world: World) -> None:
    world.register(1)
    world.register(2)
    world.end()
    world.run()
    assert standing(world, P) == ("ended", "production", 0, None)
    assert standing(world, S) == ("ended", "sandbox", 0, None)
    assert apples.asked("production").count(S) == 1


def test_the_next_push_begins_where_the_last_was_taken(
    apples: Apples, push: PushBackend, sqlite: Storage
) -> None:
    world = World(sqlite, push)
    world.clock.now = time.time()
    world.register(2)
    world.end()
    world.run()
    world.register(2)  # it shows that it runs on
    world.run_later(40)
    assert (apples.asked("production"), apples.asked("sandbox")) == ([S], [S, S])


def test_it_is_forgotten_when_the_token_changes(apples: Apples, world: World) -> None:
    world.register(2)
    world.end()
    world.run()
    new = a_token(77)
    apples.made_for("production", new)
    world.register(2, token=new)
    assert world.session(new).environment is None


def test_it_stays_when_the_same_token_is_registered_again(world: World) -> None:
    world.register(2)
    world.end()
    world.run()
    world.register(2)
    assert world.session(S).environment == "sandbox"


def test_it_goes_with_the_token_to_the_next_user(world: World) -> None:
    world.register(2)
    world.end()
    world.run()
    world.register(2, user="bob")
    row = world.session(S)
    assert (row.user_id, row.environment) == ("bob", "sandbox")


def test_what_the_phone_says_is_tried_first(apples: Apples, world: World) -> None:
    world.register(2, environment="sandbox")
    world.end()
    world.run()
    assert standing(world, S) == ("ended", "sandbox", 0, None)
    assert apples.asked("production") == []


def test_what_the_phone_says_wrongly_is_put_right(apples: Apples, world: World) -> None:
    world.register(1, environment="sandbox")
    world.end()
    world.run()
    assert standing(world, P) == ("ended", "production", 0, None)


def test_a_token_of_neither_waits_long_and_is_given_up_at_the_third_time(
    apples: Apples, push: PushBackend, sqlite: Storage
) -> None:
    apples.made_for("sandbox", P)
    world = World(sqlite, push)
    world.clock.now = time.time()
    world.register(1, environment="production")
    world.end()
    world.run()
    assert standing(world, P) == ("active", "production", 1, "BadDeviceToken")
    assert world.session(P).due_at >= world.now() + 15 * 60
    world.run_later(16 * 60)
    world.run_later(61 * 60)
    assert standing(world, P) == ("dead", "production", 3, "BadDeviceToken")
    assert len(apples.production.received) == len(apples.sandbox.received) == 3


def test_a_phone_that_says_where_its_token_is_of_waits_no_longer(
    apples: Apples, world: World
) -> None:
    apples.sandbox.answer(S, Answer.bad_device_token())
    world.register(2)
    world.end()
    world.run()
    assert world.session(S).reason == "BadDeviceToken"
    world.register(2, environment="sandbox")
    world.run()
    assert standing(world, S)[:2] == ("ended", "sandbox")


# --- one environment's trouble ---------------------------------------------------------------


class Watched(PushBackend):
    """Passes on what another one sends, and keeps what became of it, in order."""

    def __init__(self, push: PushBackend) -> None:
        self._push = push
        self.results: list[PushResult] = []

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for result in self._push.send(pushes):
            self.results.append(result)
            yield result

    def remedy(self, reason: str) -> str | None:
        return self._push.remedy(reason)

    def close(self) -> None:
        self._push.close()


def test_a_sandbox_that_is_a_black_hole_keeps_no_production_phone_waiting(
    apples: Apples, sqlite: Storage
) -> None:
    with black_hole() as url, apples.engine(sandbox=url) as push:
        watched = Watched(push)
        world = World(sqlite, watched, clock=time.time, batch_size=50)
        for number in range(10, 309):
            world.register(1000 + number, environment="sandbox")
            world.register(number)
        world.end()
        run = world.delivery.run()
    verdicts = [result.verdict for result in watched.results]
    last_told = max(i for i, verdict in enumerate(verdicts) if verdict is Verdict.DELIVERED)
    assert verdicts.index(Verdict.UNREACHABLE) > last_told, "production had to wait for it"
    assert len(apples.told("production")) == 299
    assert (run.obstacle, world.event().held_reason) == (None, None)
    rows = [row for row in world.sessions() if row.environment == "sandbox"]
    assert len(rows) == 299
    assert {(row.status, row.attempts, row.claim_id) for row in rows} == {
        (SessionStatus.ACTIVE, 0, None)
    }


def test_whoever_waits_for_the_sandbox_is_told_when_it_answers(
    apples: Apples, push: PushBackend, sqlite: Storage
) -> None:
    world = World(sqlite, push)
    world.clock.now = time.time()
    for number in range(100, 110):
        apples.made_for("sandbox", world.register(number, environment="sandbox"))
    world.register(1)
    world.end()
    with apples.sandbox.outage():
        world.run()
        world.run()
        assert apples.told("production") == {P}
        waiting = [row for row in world.sessions() if row.token != P]
        assert min(row.due_at for row in waiting) >= world.now() + 5
    until = time.monotonic() + 20.0
    while world.statuses() != {SessionStatus.ENDED}:
        assert time.monotonic() < until, "somebody is not told"
        world.run_later(10)
    assert {row.reason for row in world.sessions()} == {None}


def test_who_was_not_sent_is_not_to_blame(
    apples: Apples, push: PushBackend, sqlite: Storage
) -> None:
    """A session that waited twice while others were told has not been refused twice."""
    world = World(sqlite, push)
    world.clock.now = time.time()
    world.register(2, environment="sandbox")
    for stream in (STREAM, OTHER_STREAM):
        apples.made_for("production", world.register(7, stream))
    world.end()
    with apples.sandbox.outage():
        world.run()
        world.end(stream=OTHER_STREAM)
        for _ in range(3):
            world.run_later(70)
    assert len(apples.told("production")) == 2
    assert standing(world, S)[:3] == ("active", "sandbox", 0)


@pytest.mark.parametrize(("others", "attempts"), [("production", 0), ("sandbox", 2)])
def test_a_token_that_is_never_answered_is_known_by_what_its_own_environment_answers(
    memory_world: World, others: str, attempts: int
) -> None:
    world = memory_world

    def answer(push: Push) -> PushResult:
        if push.token == S:
            return PushResult(
                push,
                Verdict.UNREACHABLE,
                reason="libcurl 28: operation timedout",
                environment="sandbox",
                others_go_on=True,
                retry_after=5.0,
            )
        return PushResult(push, Verdict.DELIVERED, status=200, environment=others)

    world.answer = answer
    world.register(2, environment="sandbox")
    world.end()
    for number in range(10, 15):
        world.register(number)
        world.run()
        world.turn(20)
    assert world.told.count(S) > 2
    row = world.session(S)
    assert (row.status, row.attempts >= attempts) == (SessionStatus.ACTIVE, True)
    assert bool(row.attempts) == bool(attempts)


def test_a_key_for_production_holds_no_stream_and_is_said_once(
    apples: Apples, push: PushBackend, sqlite: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    apples.sandbox.answer_all(WRONG_KEY)
    world = World(sqlite, push)
    world.clock.now = time.time()
    for number in range(100, 120):
        world.register(number, environment="sandbox")
    production = [world.register(number) for number in range(200, 220)]
    world.end()
    for _ in range(5):
        world.run()
        world.turn(4000)
    assert apples.told("production") == set(production)
    assert world.event().held_reason is None
    rows = [row for row in world.sessions() if row.environment == "sandbox"]
    assert {(row.status, row.attempts, row.reason) for row in rows} == {
        (SessionStatus.ACTIVE, 0, "sandbox: BadEnvironmentKeyIdInToken")
    }
    said = [each for each in caplog.records if "BadEnvironmentKeyIdInToken" in each.message]
    assert len(said) == 1
    assert "'sandbox'" in said[0].message
    assert "for both" in said[0].message


def test_a_misconfigured_sandbox_holds_no_stream(apples: Apples, world: World) -> None:
    apples.sandbox.answer_all(Answer.invalid_provider_token())
    for number in range(100, 110):
        world.register(number, environment="sandbox")
    world.register(1)
    world.end()
    run = world.run()
    assert apples.told("production") == {P}
    assert (run.obstacle, world.event().held_reason) == (None, None)
    assert {row.attempts for row in world.sessions()} == {0}


def test_where_neither_answers_the_run_stops_and_is_said_as_ever(
    apples: Apples, push: PushBackend, sqlite: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(sqlite, push)
    world.clock.now = time.time()
    world.register(1)
    world.register(2, environment="sandbox")
    world.end()
    with apples.production.outage(), apples.sandbox.outage():
        runs = [world.run_later(2) for _ in range(3)]
    assert all(run.obstacle for run in runs)
    assert world.delivery.pause() > 0
    assert "No answer from the push service" in caplog.text
    assert {row.attempts for row in world.sessions()} == {0}


def test_a_wrong_key_in_production_holds_the_stream(apples: Apples, world: World) -> None:
    apples.production.answer_all(Answer.invalid_provider_token())
    world.register_many(5)
    world.end()
    world.run()
    assert world.event().held_reason == "InvalidProviderToken"


def test_the_sandbox_is_told_while_production_does_not_answer(apples: Apples, world: World) -> None:
    world.register(2, environment="sandbox")
    for number in range(100, 200):
        world.register(number, environment="production")
    world.end()
    with apples.production.outage():
        for _ in range(5):
            world.run()
            if world.session(S).status is SessionStatus.ENDED:
                break
    assert apples.told("sandbox") == {S}
    assert {row.attempts for row in world.sessions()} == {0}
