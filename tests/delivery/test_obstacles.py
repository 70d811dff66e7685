"""What stops a run: nobody answers, something is to be mended, or a part fails."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence

import pytest

from flask_allmine_liveactivity.delivery import schedule
from flask_allmine_liveactivity.delivery.refusals import SEVERAL
from flask_allmine_liveactivity.delivery.runner import LONGEST_PAUSE
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    SessionStatus,
    Settlement,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.push import payload
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.memory import MemorySessions, MemoryStorage

from .world import HOUR, OTHER_STREAM, World, delivered, wait_until

MINUTE = 60.0


# --- nobody answers --------------------------------------------------------------------------


def test_without_an_answer_the_run_stops(world: World) -> None:
    world.register_many(20)
    world.end()
    world.refuse(Verdict.UNREACHABLE, "libcurl 7: couldnt connect")
    run = world.run()
    assert run.obstacle == "libcurl 7: couldnt connect"
    assert len(world.told) == 1


def test_what_was_claimed_is_due_again_at_once(world: World) -> None:
    tokens = world.register_many(20)
    world.end()
    world.refuse(Verdict.UNREACHABLE)
    world.run()
    assert all(world.is_given_back(token) for token in tokens)
    assert {row.attempts for row in world.sessions()} == {0}


def test_when_it_answers_again_all_are_told(world: World) -> None:
    tokens = world.register_many(20)
    world.end()
    world.refuse(Verdict.UNREACHABLE)
    world.run()
    world.answer = delivered
    world.run()
    assert world.told[1:] == tokens or set(world.told[1:]) == set(tokens)
    assert world.statuses() == {SessionStatus.ENDED}


def test_the_pause_grows_with_each_silent_run(memory_world: World) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.refuse(Verdict.UNREACHABLE)
    pauses = []
    for _ in range(9):
        memory_world.run()
        pauses.append(memory_world.delivery.pause())
    for number, pause in enumerate(pauses):
        longest = min(4.0, 2.0**number)
        assert longest / 2 <= pause <= longest


def test_an_answer_resets_the_pause(memory_world: World) -> None:
    memory_world.register_many(2)
    memory_world.end()
    memory_world.refuse(Verdict.UNREACHABLE)
    for _ in range(6):
        memory_world.run()
    memory_world.answer = delivered
    memory_world.run()
    memory_world.register(3)
    memory_world.refuse(Verdict.UNREACHABLE)
    memory_world.turn(LONGEST_PAUSE)
    assert memory_world.delivery.pause() == 0
    memory_world.run()
    assert memory_world.delivery.pause() <= 1.0


def test_while_it_lasts_one_push_is_a_probe(world: World) -> None:
    world.register_many(20)
    world.end()
    world.refuse(Verdict.UNREACHABLE)
    world.run()
    told = len(world.told)
    world.answer = lambda push: PushResult(push, Verdict.UNREACHABLE, reason=str(claimed(world)))
    # One goes out, and the next is claimed meanwhile.
    assert world.run().obstacle in ("1", "2")
    assert len(world.told) == told + 1


def claimed(world: World) -> int:
    return sum(row.claim_id is not None for row in world.sessions())


def test_it_is_on_record_that_nobody_answers_and_since_when(world: World) -> None:
    world.register()
    world.end()
    world.refuse(Verdict.UNREACHABLE, "libcurl 7: couldnt connect")
    since = world.clock.now
    world.run()
    world.run_later(100)
    event = world.event()
    assert (event.held_reason, event.held_since) == (
        "no answer: libcurl 7: couldnt connect",
        since,
    )


def test_what_is_on_record_keeps_nobody_waiting(world: World) -> None:
    world.register()
    world.end()
    world.refuse(Verdict.UNREACHABLE)
    world.run()
    world.answer = delivered
    world.register(2)
    world.run()
    assert world.statuses() == {SessionStatus.ENDED}
    assert (world.event().held_reason, world.event().held_since) == (None, None)


def test_it_is_said_when_it_answers_again(
    memory_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.refuse(Verdict.UNREACHABLE)
    memory_world.run()
    memory_world.answer = delivered
    memory_world.run_later(70)
    assert caplog.messages[1:] == [
        "The push service answers again since 2026-09-21T14:14:30Z; it had not since "
        "2026-09-21T14:13:20Z. All that is due is sent now."
    ]


@pytest.mark.parametrize(("later", "said"), [(61.0, 2), (1.0, 1)])
def test_the_next_silence_is_said_anew_unless_it_comes_and_goes(
    memory_world: World,
    caplog: pytest.LogCaptureFixture,
    later: float,
    said: int,
) -> None:
    memory_world.register_many(2)
    memory_world.end()
    for answer in (Verdict.UNREACHABLE, Verdict.RETRY, Verdict.UNREACHABLE):
        memory_world.answer = lambda push, verdict=answer: PushResult(  # type: ignore[misc]
            push, verdict, status=None if verdict is Verdict.UNREACHABLE else 503, reason=verdict
        )
        memory_world.run_later(900)
        memory_world.turn(later)
    assert [message.split()[0] for message in caplog.messages].count("No") == said


def test_silence_is_said_once(memory_world: World, caplog: pytest.LogCaptureFixture) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.refuse(Verdict.UNREACHABLE)
    for _ in range(3):
        memory_world.run()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# --- a person has to mend something ----------------------------------------------------------


@pytest.fixture
def held(world: World) -> World:
    """A world whose one stream with twenty phones is held."""
    world.register_many(20)
    world.end()
    world.refuse(Verdict.MISCONFIGURED, "InvalidProviderToken")
    world.run()
    return world


def test_its_event_is_held_with_the_reason(held: World) -> None:
    assert held.event().held_reason == "InvalidProviderToken"
    assert held.event().held_since == held.clock.now


def test_a_few_pushes_are_enough_to_know(held: World) -> None:
    assert len(held.told) == SEVERAL


def test_its_claims_are_given_back_untouched(held: World) -> None:
    assert {(row.claim_id, row.attempts, row.reason) for row in held.sessions()} == {
        (None, 0, None)
    }


def test_it_is_looked_at_again_at_growing_intervals(held: World) -> None:
    waits = []
    for _ in range(8):
        waits.append(held.event().due_at - held.clock.now)
        held.run_later(waits[-1])
    assert waits == [60, 60, 120, 240, 480, 900, 900, 900]


def test_it_is_not_pushed_to_before(held: World) -> None:
    held.run_later(59)
    assert len(held.told) == SEVERAL


def test_a_late_registration_does_not_lift_it(held: World) -> None:
    held.register(21)
    held.run_later(1)
    assert held.event().held_reason == "InvalidProviderToken"
    assert len(held.told) == SEVERAL


def test_saying_it_again_lifts_it(held: World) -> None:
    held.answer = delivered
    held.end()
    held.run()
    assert held.event().held_reason is None
    assert held.statuses() == {SessionStatus.ENDED}


def test_lift_lifts_it(held: World) -> None:
    held.answer = delivered
    held.storage.streams.lift(None)
    held.run()
    assert held.statuses() == {SessionStatus.ENDED}


def test_once_mended_it_goes_on_by_itself(held: World) -> None:
    held.answer = delivered
    held.run_later(60)
    assert held.event().held_reason is None
    assert held.statuses() == {SessionStatus.ENDED}


def test_it_is_said_once(memory_world: World, caplog: pytest.LogCaptureFixture) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.refuse(Verdict.MISCONFIGURED, "InvalidProviderToken")
    for _ in range(3):
        memory_world.run_later(HOUR)
    (record,) = caplog.records
    assert "LIVE_ACTIVITY_APNS_KEY" in record.getMessage()


def test_a_held_stream_is_skipped_also_by_name(held: World) -> None:
    held.delivery.run(held.event().stream_id)
    assert len(held.told) == SEVERAL


# --- a payload that another version has stored -----------------------------------------------


def test_a_payload_over_the_limit_holds_its_stream_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register(1)
    other = world.register(1, OTHER_STREAM)
    world.end(content_state={"x": "y" * 100})
    world.end(stream=OTHER_STREAM)
    monkeypatch.setattr(payload, "MAX_PAYLOAD", 100)
    world.run()
    assert world.event().held_reason == "PayloadTooLarge"
    assert world.told == [other]


def test_it_is_held_longer_each_time(memory_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    memory_world.register()
    memory_world.end(content_state={"x": "y" * 100})
    monkeypatch.setattr(payload, "MAX_PAYLOAD", 100)
    waits = []
    for _ in range(4):
        memory_world.run()
        waits.append(memory_world.event().due_at - memory_world.clock.now)
        memory_world.clock.now += waits[-1]
    assert waits == [60, 60, 120, 240]


# --- a part fails ----------------------------------------------------------------------------


class Failing(PushBackend):
    """Delivers some, and then fails; or says nothing of the others."""

    def __init__(self, after: int, error: Exception | None) -> None:
        self.after = after
        self.error = error

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for number, push in enumerate(pushes):
            if number < self.after:
                yield delivered(push)
            elif self.error is not None:
                raise self.error

    def close(self) -> None:
        """Nothing to close."""


def test_a_backend_that_fails_loses_no_claim(world: World) -> None:
    tokens = world.register_many(20)
    world.end()
    failing = World(world.storage, Failing(5, OSError("out of sockets")))
    with pytest.raises(OSError, match="out of sockets"):
        failing.run()
    ended = [row for row in world.sessions() if row.status is SessionStatus.ENDED]
    assert len(ended) == 5
    assert sum(world.is_given_back(token) for token in tokens if not is_over(world, token)) == 15


def is_over(world: World, token: str) -> bool:
    return world.session(token).status is not SessionStatus.ACTIVE


def test_a_push_without_a_result_loses_no_claim(world: World) -> None:
    world.register_many(20)
    world.end()
    World(world.storage, Failing(5, None)).run()
    assert {row.claim_id for row in world.sessions()} == {None}
    world.run()
    assert world.statuses() == {SessionStatus.ENDED}
    assert len(world.told) == 15


class Unsettled(MemorySessions):
    """Fails to settle for so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def settle(self, settlements: Sequence[Settlement]) -> int:
        if self.times:
            self.times -= 1
            raise StorageUnavailable("the database is gone")
        return super().settle(settlements)


def test_what_could_not_be_settled_is_settled_at_the_end_of_the_run() -> None:
    world = World(MemoryStorage(sessions=Unsettled(1)), batch_size=4)
    world.register_many(10)
    world.end()
    with pytest.raises(StorageUnavailable):
        world.run()
    told = set(world.told)
    assert 4 <= len(told) <= 8, "one batch is settled while the next goes out, and no more"
    assert {row.token for row in world.sessions() if row.status is SessionStatus.ENDED} == told


def test_what_could_not_be_settled_at_all_is_pushed_again_after_the_lease() -> None:
    sessions = Unsettled(99)
    world = World(MemoryStorage(sessions=sessions), batch_size=4)
    world.register_many(4)
    world.end()
    with pytest.raises(StorageUnavailable):
        world.run()
    sessions.times = 0
    world.run()
    assert len(world.told) == 4
    world.run_later(60)
    assert len(world.told) == 8
    assert world.statuses() == {SessionStatus.ENDED}


# --- the process ends ------------------------------------------------------------------------


def test_stop_draws_nothing_more_and_releases_the_rest(world: World) -> None:
    tokens = world.register_many(20)
    world.end()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 3:
            world.delivery.stop()
        return delivered(push)

    world.answer = answer
    world.run()
    assert len(world.told) == 3
    assert all(world.is_given_back(token) for token in tokens if token not in world.told)
    assert sum(is_over(world, token) for token in tokens) == 3


class SilentAfter(PushBackend):
    """Answers so many, and draws one more, which it never answers until it is let go."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.silent = threading.Event()
        self.let_go = threading.Event()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        source = iter(pushes)
        for push in itertools.islice(source, self.count):
            yield delivered(push)
        last = next(source)
        self.silent.set()
        self.let_go.wait()
        yield delivered(last)

    def close(self) -> None:
        """Nothing to close."""


def test_what_is_unsent_is_given_back_while_an_answer_is_still_awaited(world: World) -> None:
    tokens = world.register_many(20)
    world.end()
    push = SilentAfter(3)
    leaving = World(world.storage, push)
    running = threading.Thread(target=leaving.run)
    running.start()
    try:
        push.silent.wait()
        leaving.delivery.stop()
        wait_until(lambda: sum(world.is_given_back(token) for token in tokens[4:]) == 16)
        world.run()
        assert set(tokens[4:]) <= set(world.told)
    finally:
        push.let_go.set()
        running.join()
    assert world.statuses() == {SessionStatus.ENDED}


def test_another_process_goes_on_at_once(world: World) -> None:
    world.register_many(20)
    world.end()
    world.delivery.stop()
    world.run()
    world.another_delivery().run()
    assert len(world.told) == 20


def test_a_run_that_stopped_leaves_its_event_due(world: World) -> None:
    world.register_many(20)
    world.end(StreamState.STARTED)
    world.refuse(Verdict.UNREACHABLE)
    world.run()
    assert world.event().due_at <= world.clock.now


def test_the_constants_of_holding_are_those_of_the_design() -> None:
    assert (schedule.FIRST_HOLD, schedule.LONGEST_HOLD) == (MINUTE, 15 * MINUTE)
