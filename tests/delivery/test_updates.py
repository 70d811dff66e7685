"""Running countdowns are told what is new: everybody in turn, and ends wait for none of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import Push, PushResult, SessionStatus, Verdict
from flask_allmine_liveactivity.phones.registration import Answer

from .world import HOUR, OTHER_STREAM, STREAM, SWEEP, World, a_token, delivered


def test_who_runs_is_told_what_is_new_and_runs_on(world: World) -> None:
    tokens = world.register_many(3)
    world.update("renamed")
    world.run()
    assert sorted(world.shown) == [(token, "renamed") for token in sorted(tokens)]
    assert world.statuses() == {SessionStatus.ACTIVE}
    world.run_later(HOUR)
    assert len(world.told) == 3


def test_the_latest_wins(world: World) -> None:
    (token,) = world.register_many(1)
    world.refuse(Verdict.RETRY, "InternalServerError")
    world.update("first")
    world.run()
    world.answer = delivered
    world.update("second")
    world.run_later(HOUR)
    assert world.shown == [(token, "first"), (token, "second")]


def test_the_same_again_is_told_once(world: World) -> None:
    world.register_many(2)
    world.update("renamed")
    world.run()
    world.update("renamed")
    world.run_later(SWEEP)
    assert len(world.told) == 2


@pytest.mark.parametrize(
    ("said", "priority"),
    [({}, 5), ({"moved": True}, 10), ({"alert": {"title": "Soon", "body": "Soon"}}, 10)],
)
def test_only_what_cannot_wait_goes_out_at_once(
    world: World, said: dict[str, object], priority: int
) -> None:
    world.register()
    world.update(**said)  # type: ignore[arg-type]
    world.run()
    (push,) = world.memory.sent
    assert push.priority == priority
    assert json.loads(push.payload)["aps"].get("alert") == said.get("alert")


def test_a_late_phone_is_answered_200_and_told_it(world: World) -> None:
    world.update("renamed")
    world.run()
    assert world.answer_of(1) is Answer.REGISTERED
    world.run()
    assert world.shown == [(a_token(1), "renamed")]


# --- no closer than five seconds -------------------------------------------------------------


def test_two_updates_keep_their_distance(world: World) -> None:
    token = world.register()
    world.update("first")
    world.run()
    world.turn(1)
    world.update("second")
    assert world.run().next_due == world.now() + 4
    world.turn(3.9)
    world.run()
    assert world.shown == [(token, "first")]
    world.turn(0.2)
    world.run()
    assert world.shown == [(token, "first"), (token, "second")]


def test_what_is_said_while_a_round_is_told_keeps_it_too(world: World) -> None:
    world.register_many(10)
    world.update("first")

    def answer(push: Push) -> PushResult:
        if len(world.told) == 3:
            world.turn(1)
            world.update("second")
        return delivered(push)

    world.answer = answer
    world.run()
    world.turn(3.9)
    world.run()
    assert {what for _, what in world.shown} == {"first"}
    world.turn(0.1)
    world.run()
    # Who had not been told yet when it came is told the latest alone.
    assert Counter(what for _, what in world.shown) == {"first": 3, "second": 10}


def test_late_phones_keep_it_too(world: World) -> None:
    world.register(1)
    world.update("renamed")
    world.run()
    world.turn(1)
    world.register(2)
    assert world.run().next_due == world.now() + 4
    assert len(world.told) == 1
    world.turn(4)
    world.run()
    assert world.shown[1:] == [(a_token(2), "renamed")]


def test_what_nobody_was_told_is_no_reason_to_wait(world: World) -> None:
    """The first phone of a stream need not wait for a round in which nobody was."""
    world.update("renamed")
    world.run()
    world.turn(1)
    world.register()
    world.run()
    assert len(world.told) == 1


def test_an_end_does_not_wait_for_the_distance(world: World) -> None:
    token = world.register()
    world.update("renamed")
    world.run()
    world.turn(0.1)
    world.end()
    world.run()
    assert world.shown == [(token, "renamed"), (token, "end")]


# --- rounds ----------------------------------------------------------------------------------


def test_an_audience_that_takes_long_is_told_round_by_round(world: World) -> None:
    """It changes each second, and a round takes ten: everybody is told the latest in turn, and
    nobody twice before all have been told once."""
    world.register_many(1000)
    world.update("at 0")
    began = world.now()

    def answer(push: Push) -> PushResult:
        world.turn(0.01)
        if len(world.told) % 100 == 0 and world.now() - began < 25:
            world.update(f"at {len(world.told)}")
        return delivered(push)

    world.answer = answer
    world.run()
    times = Counter(world.told[:1000])
    assert set(times.values()) == {1}
    assert len({title for _, title in world.shown[:1000]}) > 5
    # The second round began as soon as the first was through, for that had taken long enough.
    assert set(Counter(world.told[1000:2000]).values()) == {1}


def test_a_round_that_takes_two_seconds_begins_each_five(world: World) -> None:
    world.register_many(200)
    world.update("at 0")
    began = world.now()

    def answer(push: Push) -> PushResult:
        world.turn(0.01)
        if len(world.told) % 50 == 0:
            world.update(f"at {len(world.told)}")
        return delivered(push)

    world.answer = answer
    while world.now() - began < 60:
        world.run()
        world.turn(0.25)
    rounds = 60 / 5
    assert max(Counter(world.told).values()) <= rounds + 1
    assert min(Counter(world.told).values()) >= rounds - 2


def test_a_round_goes_on_though_another_stream_has_its_turn(world: World) -> None:
    world.register_many(1000)
    world.register_many(150, OTHER_STREAM)
    world.update("large")
    world.update("medium", OTHER_STREAM)

    def answer(push: Push) -> PushResult:
        world.turn(0.001)
        if len(world.told) == 150:
            world.update("large again")
        return delivered(push)

    world.answer = answer
    world.run()
    assert len(set(world.told)) == 1150


def test_a_phone_that_comes_into_the_midst_is_told_before_who_was_told_already(
    world: World,
) -> None:
    world.register_many(300)
    world.update("first")

    def answer(push: Push) -> PushResult:
        world.turn(0.1)
        if len(world.told) == 320:
            world.register(1001)
        if len(world.told) == 290:
            world.update("second")
        return delivered(push)

    world.answer = answer
    world.run()
    assert world.told.index(a_token(1001)) < 600


def test_a_small_stream_waits_for_no_round_of_a_large_one(world: World) -> None:
    world.register_many(2000)
    world.update("large")

    def answer(push: Push) -> PushResult:
        world.turn(0.01)
        if len(world.told) == 500:
            world.register(1, OTHER_STREAM)
            world.update("small", OTHER_STREAM)
        return delivered(push)

    world.answer = answer
    world.run()
    waited = [token for token, _ in world.shown].index(a_token(1, OTHER_STREAM)) - 500
    assert waited * 0.01 < 2


def test_ends_go_before_updates(world: World) -> None:
    world.register_many(1000, OTHER_STREAM)
    world.register_many(1000)
    world.update("large", OTHER_STREAM)
    world.end()
    world.run()
    told = [what for _, what in world.shown]
    last_end = max(index for index, what in enumerate(told) if what == "end")
    assert told[: last_end + 1].count("large") < 600
    assert len(told) == 2000


# --- ends wait for nothing that an update has caused -----------------------------------------


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.REJECTED])
def test_who_was_refused_an_update_is_told_the_end_at_once(world: World, verdict: Verdict) -> None:
    tokens = world.register_many(20)
    world.refuse(verdict, "Refused", retry_after=600)
    for number in range(4):
        world.update(f"update {number}")
        world.run_later(2 * HOUR)
    world.answer = delivered
    world.memory.sent.clear()
    assert world.statuses() == {SessionStatus.ACTIVE}
    world.end()
    world.turn(0.1)
    world.run()
    assert sorted(world.told) == sorted(tokens)
    assert world.statuses() == {SessionStatus.ENDED}


def test_the_refusals_of_the_end_itself_count(world: World) -> None:
    world.register()
    world.update()
    world.run()
    world.end()
    world.refuse(Verdict.RETRY, "InternalServerError", retry_after=600)
    world.run_later(1)
    world.answer = delivered
    world.memory.sent.clear()
    world.run_later(60)
    assert world.told == []
    world.run_later(600)
    assert len(world.told) == 1


def test_an_end_finds_who_is_refused_an_update_while_it_is_announced(world: World) -> None:
    """Their push is under way in one worker; the end comes, another worker looks and finds them
    claimed; then they are refused."""
    tokens = world.register_many(5)
    other = world.another_delivery()

    def answer(push: Push) -> PushResult:
        if json.loads(push.payload)["aps"]["event"] == "end":
            return delivered(push)
        if len(world.told) == 1:
            world.end()
            other.run()
        return PushResult(push, Verdict.RETRY, reason="TooManyRequests", retry_after=600)

    world.answer = answer
    world.update()
    world.run()
    world.run_later(1)
    assert {token for token, what in world.shown if what == "end"} == set(tokens)


def test_an_end_finds_who_is_told_an_update_while_it_is_announced(world: World) -> None:
    tokens = world.register_many(5)
    other = world.another_delivery()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 1:
            world.end()
            other.run()
        return delivered(push)

    world.answer = answer
    world.update()
    world.run()
    world.run_later(1)
    assert {token for token, what in world.shown if what == "end"} == set(tokens)
    assert world.statuses() == {SessionStatus.ENDED}


def test_an_answer_to_an_update_that_comes_after_the_end_revives_nobody(world: World) -> None:
    token = world.register()
    other = world.another_delivery()

    def answer(push: Push) -> PushResult:
        if len(world.told) == 1:
            world.turn(world.policy.lease + 1)
            world.end()
            other.run()
        return delivered(push)

    world.answer = answer
    world.update("renamed")
    world.run()
    world.run_later(HOUR)
    assert world.shown == [(token, "renamed"), (token, "end")]
    assert world.statuses() == {SessionStatus.ENDED}


def test_what_holds_an_update_does_not_hold_the_end(world: World) -> None:
    token = world.register()
    world.refuse(Verdict.MISCONFIGURED, "InvalidProviderToken")
    world.update()
    world.run()
    assert world.event().held_reason == "InvalidProviderToken"
    world.update("again")
    assert world.event().held_reason == "InvalidProviderToken"
    world.answer = delivered
    world.memory.sent.clear()
    world.end()
    world.turn(10)
    world.run()
    assert world.shown == [(token, "end")]


# --- nothing is lost -------------------------------------------------------------------------


def test_who_dies_in_the_midst_of_a_round_leaves_nobody_out(world: World) -> None:
    tokens = world.register_many(250)
    world.update("renamed")

    def answer(push: Push) -> PushResult:
        if len(world.told) == 120:
            raise KeyboardInterrupt
        return delivered(push)

    world.answer = answer
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.answer = delivered
    for _ in range(3):
        world.another_delivery().run()
        world.turn(world.policy.lease)
    assert {token for token, _ in world.shown} == set(tokens)


def test_a_row_of_an_update_that_nobody_rests_is_looked_at_again(world: World) -> None:
    world.register()
    world.update("renamed")
    row = world.event()
    world.storage.streams.write(STREAM, lambda _: replace(row, told_at=world.now() + 9 * HOUR))
    world.run_later(1)
    assert world.shown == [(a_token(1), "renamed")]


# --- who is told -----------------------------------------------------------------------------


def test_who_has_logged_out_is_told_the_end_and_nothing_else(world: World) -> None:
    """The next user of this phone is not to read what was meant for another."""
    token = world.register()
    world.storage.sessions.release("user-1", "device-1")
    for number in range(2):
        world.update(f"update {number}")
        world.run_later(HOUR)
    assert world.told == []
    assert world.run().next_due > world.now()
    world.end()
    world.run()
    assert world.shown == [(token, "end")]


def test_that_it_is_passed_over_counts_also_where_its_phone_was_seen_by_a_clock_ahead(
    world: World,
) -> None:
    token = world.register()
    world.storage.sessions.release("user-1", "device-1")
    world.update("renamed")
    world.clock.now -= HOUR
    world.run()
    assert world.session(token).delivered == world.event().revision


def test_who_logs_in_there_is_told_what_is_new(world: World) -> None:
    token = world.register()
    world.storage.sessions.release("user-1", "device-1")
    world.update("renamed")
    world.run()
    world.register(user="another")
    world.run_later(HOUR)
    assert world.shown == [(token, "renamed")]
