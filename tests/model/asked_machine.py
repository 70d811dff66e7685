"""The machine with a host that is asked: streams are shown, renamed, moved, and end unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from flask_allmine_liveactivity import StreamState
from flask_allmine_liveactivity.storage.base import Storage
from model.asked_world import AskedWorld
from model.machine import FAULTS, HAPPENINGS, PICK, STREAM, LiveActivityMachine
from model.process import LEASE
from model.truth import FAULTS as WRONG_ANSWERS
from model.truth import INTERVAL
from model.world import STREAMS, World

ALSO_HAPPENS = (
    "rename",
    "move",
    "hide",
    "end unsaid",
    "ask",
    "stall and ask",
    "stall and update",
    "stall and end",
)
ALL_HAPPENINGS = (*HAPPENINGS, *ALSO_HAPPENS)
CHANGE = st.sampled_from(["rename", "move", "both", "hide"])
# What the host's callback may do where it has just said that something has changed.
UNHEARD = st.sampled_from(["none", "none", "none", "raises", "left out"])
REFUSALS = st.one_of(FAULTS, st.just(["400"] * 3), st.just(["403"] * 3))


def interrupts(points: int, most: int) -> st.SearchStrategy[list[tuple[int, str, int]]]:
    """As of the other machine, with more that may happen."""
    happening = st.tuples(st.integers(0, points - 1), st.sampled_from(ALL_HAPPENINGS), PICK)
    return st.lists(happening, max_size=most)


A_WRITE, A_ROUND, A_RUN = interrupts(8, 1), interrupts(8, 2), interrupts(12, 2)


class AskedMachine(LiveActivityMachine):
    """What the host knows changes; it says so, forgets to, dies before, or is asked."""

    make_world: ClassVar[Callable[[Storage, int], World]] = AskedWorld
    world: AskedWorld

    @rule(pick=PICK, stream_id=STREAM, interrupts=A_WRITE)
    def follow(self, pick: int, stream_id: str, interrupts: Any) -> None:
        phone, happened = self._phone(pick), self.world.happened
        with self._interrupted(interrupts):
            activity = self.world.follow(phone, stream_id)
        if self.world.happened == happened:
            self.world.check_registration(phone, activity)

    @rule(stream_id=STREAM, change=CHANGE, fault=UNHEARD, interrupts=A_WRITE)
    def change(self, stream_id: str, change: str, fault: str, interrupts: Any) -> None:
        with self._interrupted(interrupts) as process:
            if change == "hide":
                self.world.hide(process, stream_id, fault)
            else:
                self.world.plan(process, stream_id, change, fault)

    @rule(stream_id=STREAM, change=CHANGE, faults=REFUSALS, interrupts=A_RUN)
    def change_and_deliver(
        self, stream_id: str, change: str, faults: list[str], interrupts: Any
    ) -> None:
        self.change(stream_id, change, "none", [])
        self.deliver(faults, interrupts)

    @rule(stream_id=STREAM, fault=UNHEARD, interrupts=A_WRITE)
    def end_by_change(self, stream_id: str, fault: str, interrupts: Any) -> None:
        with self._interrupted(interrupts) as process:
            self.world.end_and_have_it_asked(process, stream_id, StreamState.CANCELLED, fault)

    @rule(stream_id=STREAM)
    def end_unsaid(self, stream_id: str) -> None:
        self.world.end_unsaid(stream_id, StreamState.STARTED)
        self.world.process.crash()
        self.world.restart()

    @rule(stream_id=STREAM)
    def reopen_and_say_no_more(self, stream_id: str) -> None:
        self.world.reopen_alone(self.world.process, stream_id)

    @rule(fault=st.sampled_from(WRONG_ANSWERS), late=st.booleans(), interrupts=A_ROUND)
    def ask(self, fault: str, late: bool, interrupts: Any) -> None:
        if late:
            self.world.now += INTERVAL
        with self._interrupted(interrupts) as process:
            process.ask(fault)

    @precondition(lambda self: self.world.storage.streams.due(self.world.now, 1))
    @rule(faults=REFUSALS, interrupts=A_RUN)
    def deliver(self, faults: list[str], interrupts: Any) -> None:
        self.world.faults = list(faults)
        with self._interrupted(interrupts) as process:
            process.deliver()
        self.world.faults = []

    @rule(pick=PICK, on=st.sampled_from([True, False, False]))
    def flight_mode(self, pick: int, on: bool) -> None:
        phone = self._phone(pick)
        if on:
            phone.flight_mode = True
        else:
            self.world.go_online(phone)

    # Not back: to a phone whose clock is ahead an update may be from before its activity.
    @rule(seconds=st.sampled_from([0.4, 1, 6, 31, 61, 400, 1000, 1790, 5000, 30000]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.phones.tick()

    @rule()
    def keep_house(self) -> None:
        self.world.keep_house()

    def _interrupt(self, kind: str, pick: int) -> Callable[[], None]:
        if kind in HAPPENINGS:
            return super()._interrupt(kind, pick)
        world = self.world
        elsewhere, stream_id = world.elsewhere, STREAMS[pick % len(STREAMS)]

        def interrupt() -> None:
            world.happened += 1
            match kind:
                case "rename" | "move":
                    world.plan(elsewhere, stream_id, kind)
                case "hide":
                    world.hide(elsewhere, stream_id)
                case "end unsaid":
                    world.end_unsaid(stream_id, StreamState.EXPIRED)
                case "stall and update":
                    world.now += LEASE + 10
                    world.plan(elsewhere, stream_id, "rename")
                    elsewhere.deliver()
                case "stall and end":
                    world.now += LEASE + 10
                    world.end(elsewhere, stream_id, StreamState.READY)
                    elsewhere.deliver()
                case "ask":
                    elsewhere.ask()
                case "stall and ask":
                    world.now += INTERVAL + 1
                    elsewhere.ask()

        return interrupt
