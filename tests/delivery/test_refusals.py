"""Whether what one token is answered, or not answered, keeps others waiting."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest

from flask_allmine_liveactivity.delivery.refusals import MANY, SEVERAL
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.model import (
    DUE_NOW,
    Push,
    PushResult,
    SessionStatus,
    StreamEvent,
    Verdict,
)
from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.storage.memory import MemoryStorage, MemoryStreams

from .world import OTHER_STREAM, STREAM, World, apns_push, delivered, wait_until

ANSWER_TIMEOUT = "flask_allmine_liveactivity.push.apns.connection.ANSWER_TIMEOUT"

ANSWERS = {
    "418": Answer(418),
    "a 400 that is new": Answer(400, "NewInTheYear2040"),
    "a 403 that is new": Answer(403, "NewInTheYear2040"),
    "404 BadPath": Answer(404, "BadPath"),
    "405": Answer(405, "MethodNotAllowed"),
    "407": Answer(407),
    "413": Answer(413, "PayloadTooLarge"),
    "414": Answer(414),
    "431": Answer(431),
    "302": Answer(302),
    "204": Answer(204),
    "a wrong topic": Answer(400, "BadTopic"),
    "a wrong key": Answer.invalid_provider_token(),
    "an expired key": Answer.expired_provider_token(),
    "500": Answer.internal_server_error(),
    "503": Answer.unavailable(retry_after=100),
    "429": Answer.too_many_requests(),
    "a reset": Answer.reset(),
    "a cut": Answer.cut(),
    "GOAWAY": Answer.goaway(),
    "silence": Answer.silence(),
}


@contextlib.contextmanager
def a_worker(world: World) -> Iterator[None]:
    wake, stopped = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=deliver_until_stopped, args=(world.delivery, wake, stopped, 0.5), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        world.delivery.stop()
        wake.set()
        thread.join()


def ended(world: World) -> set[str]:
    return {row.token for row in world.sessions() if row.status is SessionStatus.ENDED}


class NotesHolds(MemoryStreams):
    """Notes for which reasons phones wait: not where the stream stays due, and only says why."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: list[str] = []

    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        if due_at > DUE_NOW:
            self.holds.append(reason)
        super().hold(event, reason, since, due_at)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_one_odd_token_among_three_hundred_keeps_nobody_waiting(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ANSWER_TIMEOUT, 2)
    streams = NotesHolds()
    with LocalApns() as apns, contextlib.closing(apns_push(apns)) as push:
        world = World(MemoryStorage(streams=streams), push, clock=time.time, sweep_interval=1.0)
        stranger = world.register(0)
        honest = set(world.register_many(300))
        others = {world.register(number, OTHER_STREAM) for number in range(20)}
        # Whoever is claimed first: its answer is the first that there is.
        apns.answer_always(stranger, answer)
        world.end()
        with a_worker(world):
            wait_until(lambda: any(each.token == stranger for each in apns.received))
            world.end(stream=OTHER_STREAM)
            wait_until(lambda: bool(streams.holds) or ended(world) == honest | others, 120)
        assert streams.holds == []
        assert {row.attempts for row in world.sessions() if row.token in honest} <= {0, 1}


# --- what nobody knows is believed of all where many have it -----------------------------------


def odd(push: Push, reason: str = "HTTP 418") -> PushResult:
    return PushResult(push, Verdict.ODD, status=418, reason=reason)


def test_how_many_are_several_and_many() -> None:
    assert (SEVERAL, MANY) == (3, 10)


def test_many_different_users_in_a_row_hold_the_stream(memory_world: World) -> None:
    memory_world.register_many(5 * MANY)
    memory_world.end()
    memory_world.answer = odd
    memory_world.run()
    assert memory_world.event().held_reason == "HTTP 418"
    assert len(memory_world.told) == MANY
    assert {row.attempts for row in memory_world.sessions()} == {0}


def test_fewer_are_those_tokens_own(memory_world: World) -> None:
    memory_world.register_many(MANY - 1)
    memory_world.end()
    memory_world.answer = odd
    memory_world.run()
    assert memory_world.event().held_reason is None
    assert {(row.attempts, row.reason) for row in memory_world.sessions()} == {(1, "HTTP 418")}


def test_one_that_is_answered_otherwise_in_between_acquits_all(memory_world: World) -> None:
    memory_world.register_many(5 * MANY)
    memory_world.end()
    numbers = count(1)
    memory_world.answer = lambda push: delivered(push) if next(numbers) % MANY == 0 else odd(push)
    memory_world.run()
    assert memory_world.event().held_reason is None
    assert len(memory_world.told) == 5 * MANY


def test_so_does_a_refusal_of_another_kind(memory_world: World) -> None:
    memory_world.register_many(5 * MANY)
    memory_world.end()
    numbers = count(1)
    memory_world.answer = lambda push: odd(push, f"HTTP {next(numbers) % 2}")
    memory_world.run()
    assert memory_world.event().held_reason is None


def test_an_overload_tells_nothing_of_it(memory_world: World) -> None:
    memory_world.register_many(5 * MANY)
    memory_world.end()
    numbers = count(1)
    memory_world.answer = lambda push: (
        PushResult(push, Verdict.RETRY, status=503) if next(numbers) % 2 else odd(push)
    )
    memory_world.run()
    assert memory_world.event().held_reason == "HTTP 418"


def test_a_stranger_with_many_tokens_is_one_stranger(memory_world: World) -> None:
    for number in range(5 * MANY):
        memory_world.register(number, user="a stranger")
    memory_world.end()
    memory_world.answer = odd
    memory_world.run()
    assert memory_world.event().held_reason is None
    assert len(memory_world.told) == 5 * MANY


def test_who_is_known_for_it_is_not_counted_again(memory_world: World) -> None:
    memory_world.register_many(MANY - 1)
    memory_world.end()
    memory_world.answer = odd
    memory_world.run()
    memory_world.register(MANY)
    memory_world.run_later(900)
    assert memory_world.event().held_reason is None


def test_what_apple_lists_as_the_same_for_all_is_believed_of_a_single_phone(
    memory_world: World,
) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.refuse(Verdict.MISCONFIGURED, "InvalidProviderToken")
    memory_world.run()
    assert memory_world.event().held_reason == "InvalidProviderToken"
    assert {row.attempts for row in memory_world.sessions()} == {0}


def test_it_is_not_where_others_are_answered(memory_world: World) -> None:
    tokens = memory_world.register_many(SEVERAL + 1)
    memory_world.end()
    memory_world.answer = lambda push: (
        PushResult(push, Verdict.MISCONFIGURED, status=400, reason="BadTopic")
        if push.token == tokens[0]
        else delivered(push)
    )
    memory_world.run()
    assert memory_world.event().held_reason is None
    assert memory_world.session(tokens[0]).reason == "BadTopic"
    assert memory_world.session(tokens[0]).attempts == 1


def test_every_stream_of_those_refused_is_held(memory_world: World) -> None:
    for number, stream in enumerate((STREAM, OTHER_STREAM)):
        memory_world.register(number, stream)
        memory_world.end(stream=stream)
    memory_world.refuse(Verdict.MISCONFIGURED, "InvalidProviderToken")
    memory_world.run()
    reasons = {memory_world.event(stream).held_reason for stream in (STREAM, OTHER_STREAM)}
    assert reasons == {"InvalidProviderToken"}


# --- who has no answer ---------------------------------------------------------------------------


def test_one_without_an_answer_is_to_blame_where_others_had_one_since(memory_world: World) -> None:
    tokens = memory_world.register_many(3)
    memory_world.end()

    def answer(push: Push) -> PushResult:
        memory_world.ticks.now += 0.01
        if push.token == tokens[0]:
            return PushResult(push, Verdict.UNREACHABLE, reason="libcurl 56: recv error")
        return delivered(push)

    memory_world.answer = answer
    first = memory_world.run()
    second = memory_world.run()
    third = memory_world.run()
    assert first.obstacle is not None
    assert [second.obstacle, third.obstacle] == [None, None]
    assert (memory_world.session(tokens[0]).attempts, len(memory_world.told)) == (1, 4)


def test_in_an_outage_nobody_is_to_blame(memory_world: World) -> None:
    memory_world.register_many(3)
    memory_world.end()
    memory_world.refuse(Verdict.UNREACHABLE, "libcurl 7: couldnt connect")
    for _ in range(10):
        assert memory_world.run().obstacle == "libcurl 7: couldnt connect"
    assert {row.attempts for row in memory_world.sessions()} == {0}
