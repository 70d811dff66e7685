"""Each thing that may happen while the host is asked, while it says what has changed, and while
that is told."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity import StreamState
from model.asked_machine import AskedMachine
from model.moments import STREAM, Play

Interrupts = list[tuple[int, str, int]]


def _nothing(machine: AskedMachine) -> None:
    """Somebody follows, and nothing is known."""


def _shown(machine: AskedMachine) -> None:
    machine.change(STREAM, "both", "none", [])
    machine.deliver([], [])


def _renamed(machine: AskedMachine) -> None:
    _shown(machine)
    machine.time_passes(6)
    machine.change(STREAM, "rename", "none", [])


def _refused(machine: AskedMachine) -> None:
    """Apple refuses an update for a while."""
    machine.change(STREAM, "both", "none", [])
    machine.deliver(["500", "400"], [])


def _refused_for_long(machine: AskedMachine) -> None:
    """Two more and it would be given up, were it an end."""
    machine.change(STREAM, "both", "none", [])
    for seconds in (0, 1000, 5000):
        machine.time_passes(seconds)
        machine.change(STREAM, "both", "none", [])
        machine.deliver(["400"] * 3, [])


def _held(machine: AskedMachine) -> None:
    """For minutes, since nobody has mended it for minutes."""
    machine.change(STREAM, "both", "none", [])
    machine.deliver(["403"] * 3, [])
    machine.time_passes(400)
    machine.deliver(["403"] * 3, [])


def _ended_unsaid(machine: AskedMachine) -> None:
    _shown(machine)
    machine.end_unsaid(STREAM)
    machine.ask("none", True, [])


def _expires(machine: AskedMachine) -> None:
    """The host has it moved, or not, in the last moment."""
    machine.change(STREAM, "both", "none", [])
    machine.deliver([], [])
    machine.time_passes(600 + 1790)


def _reopened(machine: AskedMachine) -> None:
    _shown(machine)
    machine.end(STREAM, StreamState.CANCELLED, [])
    machine.reopen(STREAM, [])
    machine.follow(0, STREAM, [])


def _reopened_alone(machine: AskedMachine) -> None:
    """Before anybody was told; what it shows is left to the next check."""
    _shown(machine)
    machine.end(STREAM, StreamState.CANCELLED, [])
    machine.reopen_and_say_no_more(STREAM)


def _expired(machine: AskedMachine, fault: str, then: Interrupts) -> None:
    """What is asked at the moment of the expiry, after a host that has just moved it."""
    machine.change(STREAM, "move", "none", [])
    machine.time_passes(15)
    machine.ask(fault, False, then)


def _found(machine: AskedMachine, then: Interrupts) -> None:
    machine.end_unsaid(STREAM)
    machine.ask("none", True, then)


def _followed(machine: AskedMachine, then: Interrupts) -> None:
    machine.end_unsaid(STREAM)
    machine.follow(0, STREAM, then)


def _planned_anew(machine: AskedMachine, then: Interrupts) -> None:
    """Nobody has announced that it was over, and the replica that is read knows no more yet."""
    machine.end_unsaid(STREAM)
    machine.time_passes(61)
    machine.change(STREAM, "both", "none", [])
    machine.ask("40", False, then)


BEFORE: dict[str, Callable[[AskedMachine], object]] = {
    "nothing is known": _nothing,
    "shown": _shown,
    "renamed": _renamed,
    "refused": _refused,
    "refused for long": _refused_for_long,
    "held": _held,
    "ended unsaid, and found once": _ended_unsaid,
    "about to expire": _expires,
    "scheduled again": _reopened,
    "scheduled again, and no more was said": _reopened_alone,
}
ACTS: dict[str, Callable[[AskedMachine, Interrupts], object]] = {
    "follow": lambda machine, then: machine.follow(0, STREAM, then),
    "follow what has ended unsaid": _followed,
    "ask": lambda machine, then: machine.ask("none", True, then),
    "ask a replica": lambda machine, then: machine.ask("40", True, then),
    "ask in vain": lambda machine, then: machine.ask("raises", True, then),
    "ask for what is wrong": lambda machine, then: machine.ask("rubbish", True, then),
    "rename": lambda machine, then: machine.change(STREAM, "rename", "none", then),
    "move in the last moment": lambda machine, then: _expired(machine, "40", then),
    "end, said by a change": lambda machine, then: machine.end_by_change(STREAM, "none", then),
    "end, found": _found,
    "ask of what is scheduled again": _planned_anew,
    "deliver": lambda machine, then: machine.deliver([], then),
    "deliver at a busy Apple": lambda machine, then: machine.deliver(["503"], then),
    "deliver, and no answer comes": lambda machine, then: machine.deliver(["answer lost"], then),
}
ASKED = Play(AskedMachine, BEFORE, ACTS)
