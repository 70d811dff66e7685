"""Each thing that may happen at each moment of each other thing: all of them, not by chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity import StreamState
from model.machine import LiveActivityMachine
from model.storages import Opener
from model.world import STREAMS, USERS

STREAM = STREAMS[0]
Act = Callable[[LiveActivityMachine, list[tuple[int, str, int]]], object]


def _ended(machine: LiveActivityMachine) -> None:
    machine.end(STREAM, StreamState.STARTED, [])


def _ended_and_told(machine: LiveActivityMachine) -> None:
    _ended(machine)
    machine.deliver([], [])


def _ended_unsaid(machine: LiveActivityMachine) -> None:
    machine.end(STREAM, StreamState.STARTED, [(0, "crash", 0)])


def _reopened(machine: LiveActivityMachine) -> None:
    _ended_and_told(machine)
    machine.reopen(STREAM, [])
    machine.follow(0, STREAM, [])


BEFORE: dict[str, Callable[[LiveActivityMachine], object]] = {
    "running": lambda machine: None,
    "ended": _ended,
    "ended and told": _ended_and_told,
    "ended, and the host crashed before it said so": _ended_unsaid,
    "scheduled again": _reopened,
}

ACTS: dict[str, Act] = {
    "follow": lambda machine, then: machine.follow(0, STREAM, then),
    "rotate a token": lambda machine, then: machine.rotate_token(0, then),
    "log in as another": lambda machine, then: machine.log_in_as(0, USERS[1], then),
    "end": lambda machine, then: machine.end(STREAM, StreamState.EXPIRED, then),
    "reopen": lambda machine, then: machine.reopen(STREAM, then),
    "deliver": lambda machine, then: machine.deliver([], then),
    "deliver at a busy Apple": lambda machine, then: machine.deliver(["503"], then),
    "deliver, and no answer comes": lambda machine, then: machine.deliver(["answer lost"], then),
    "deliver to a token that was gone": lambda machine, then: machine.deliver(["stale 410"], then),
    "deliver with a bad key": lambda machine, then: machine.deliver(["403"], then),
}


@dataclass(frozen=True, slots=True)
class Play:
    """A machine, and what is played on it."""

    machine: type[LiveActivityMachine]
    before: Mapping[str, Callable[[Any], object]]
    acts: Mapping[str, Callable[[Any, list[tuple[int, str, int]]], object]]


ENDS = Play(LiveActivityMachine, BEFORE, ACTS)


def play(opener: Opener, act: str, happening: str, stride: int = 1, of: Play = ENDS) -> int:
    """Let something happen at the moments of an act, in all that may have been before.

    Args:
        opener: Gives an empty storage.
        act: In whose midst, one of those of the play.
        happening: What happens, one of those of its machine.
        stride: 1 takes each moment, 3 each third; from which on, differs with what was before.
        of: What is played.

    Returns how many moments there were.

    Raises:
        Violation: A promise was broken.
    """
    kind = type("Machine", (of.machine,), {"open_storage": staticmethod(opener)})
    moments = 0
    for number, prepare in enumerate(of.before.values()):
        for point in range(number % stride, 100, stride):
            machine: LiveActivityMachine = kind()
            machine.begin(0)
            try:
                prepare(machine)
                machine.world.process.points = 0
                machine.timestamps_rise()
                of.acts[act](machine, [(point, happening, 0)])
                machine.timestamps_rise()
                happened = machine.world.happened
                # Where the stream is still to come, whoever follows it now keeps his countdown.
                if not machine.world.has_ended(STREAM):
                    machine.follow(1, STREAM, [])
            finally:
                machine.teardown()
            if not happened:
                break
            moments += 1
    return moments
