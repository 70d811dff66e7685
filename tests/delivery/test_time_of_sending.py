"""What a push carries as its time: when it is sent, and never less than what was sent before."""

from __future__ import annotations

import json

from flask_allmine_liveactivity.model import Push, PushResult, StreamState, Verdict

from .world import HOUR, NOW, STREAM, World, delivered


def stamps(world: World) -> list[int]:
    return [json.loads(push.payload)["aps"]["timestamp"] for push in world.memory.sent]


def test_a_push_that_is_sent_at_once_has_the_time_of_its_announcement(world: World) -> None:
    world.register()
    event = world.end()
    world.run()
    assert stamps(world) == [event.timestamp] == [int(NOW)]


def test_a_phone_that_comes_late_is_told_with_the_time_at_which_it_is_told(world: World) -> None:
    world.end()
    world.clock.now += 120
    world.register()  # started from afar after the end, with the time of the start
    world.run()
    assert stamps(world) == [int(NOW) + 120]


def test_so_is_one_that_waited_for_apple(world: World) -> None:
    world.register()
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=100)
    world.run()
    world.answer = delivered
    world.run_later(100)
    assert stamps(world) == [int(NOW), int(NOW) + 100]


def test_a_machine_that_is_behind_goes_by_what_another_has_sent(world: World) -> None:
    world.register(1)
    world.end()
    world.run_later(90)
    world.clock.now = NOW + 2  # another machine's clock
    world.register(2)
    world.run()
    assert stamps(world) == [int(NOW) + 90] * 2


def test_what_it_announces_next_is_newer_still(world: World) -> None:
    world.register(1)
    world.end(StreamState.READY)
    world.run_later(90)
    world.clock.now = NOW + 2
    world.register(2)
    world.end(StreamState.STARTED)
    world.run()
    assert stamps(world) == [int(NOW) + 90, int(NOW) + 91]


def test_an_end_after_a_reopen_is_newer_than_the_one_before(world: World) -> None:
    world.register(1)
    world.end()
    world.run_later(90)
    world.storage.streams.reopen(STREAM, world.now())
    world.clock.now = NOW + 2
    world.register(2)
    world.end()
    world.run()
    assert stamps(world)[-1] > int(NOW) + 90


def test_a_batch_that_goes_out_slowly_is_stamped_anew(memory_world: World) -> None:
    memory_world.register_many(3)
    memory_world.end()

    def answer(push: Push) -> PushResult:
        memory_world.turn(5)
        return delivered(push)

    memory_world.answer = answer
    memory_world.run()
    assert stamps(memory_world) == [int(NOW), int(NOW) + 5, int(NOW) + 10]


def test_an_end_that_was_announced_anew_in_mid_run_is_told_with_its_own_content(
    memory_world: World,
) -> None:
    memory_world.register_many(3)
    memory_world.end(StreamState.READY, content_state={"is": "ready"})

    def answer(push: Push) -> PushResult:
        if len(memory_world.told) == 1:
            memory_world.turn(5)
            memory_world.end(StreamState.STARTED, content_state={"is": "started"})
        return delivered(push)

    memory_world.answer = answer
    memory_world.run()
    memory_world.run()
    told = [json.loads(push.payload)["aps"] for push in memory_world.memory.sent]
    assert [aps["content-state"]["is"] for aps in told] == ["ready", "started", "started"]
    assert {row.delivered for row in memory_world.sessions()} == {1, 2}


def test_what_nobody_has_to_be_told_is_not_stamped(world: World) -> None:
    world.end()
    world.run_later(HOUR)
    assert world.event().timestamp == int(NOW)
