"""What the model tests have found, as plain tests: each failed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity import StreamState
from model import storages
from model.asked_machine import AskedMachine
from model.machine import LiveActivityMachine
from model.world import STREAMS

STREAM = STREAMS[0]


@pytest.fixture
def machine() -> Iterator[LiveActivityMachine]:
    kind = type("Machine", (LiveActivityMachine,), {"open_storage": staticmethod(storages.memory)})
    machine: LiveActivityMachine = kind()
    machine.begin(0)
    yield machine
    # Comes to rest, and looks at what is left on the lock screens.
    machine.teardown()


@pytest.mark.parametrize("point", range(4))
@pytest.mark.parametrize("announced_before", [False, True])
def test_a_stream_that_is_scheduled_again_while_a_phone_registers(
    machine: LiveActivityMachine, announced_before: bool, point: int
) -> None:
    """The guard had said that it was over, and its end was announced after the reopen."""
    if announced_before:
        machine.end(STREAM, StreamState.READY, [])
        machine.reopen(STREAM, [])
    machine.end(STREAM, StreamState.CANCELLED, [(0, "crash", 0)])
    machine.follow(0, STREAM, [(point, "reopen", 0)])
    machine.follow(1, STREAM, [])
    machine.world.process.deliver()


def test_an_end_that_comes_as_a_round_of_updates_begins() -> None:
    """The row did not say that an update was told, and the end waited for its refusal."""
    kind = type("Machine", (AskedMachine,), {"open_storage": staticmethod(storages.memory)})
    machine: AskedMachine = kind()
    machine.begin(0)
    machine.end(STREAMS[1], StreamState.CANCELLED, [])  # streams are claimed by the page
    machine.change_and_deliver(STREAM, "rename", ["400"] * 3, [(2, "end", 0)])
    machine.teardown()
