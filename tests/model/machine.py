"""A Hypothesis machine that drives the world, and what must hold of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flask_allmine_liveactivity import StreamState
from flask_allmine_liveactivity.app import (
    host_streams,
    installation,
    missing_ends,
    process_parts,
    registering,
)
from flask_allmine_liveactivity.simulator.phones import Activity, Phone
from flask_allmine_liveactivity.storage.base import Storage
from model.process import LEASE, Crash, Process
from model.world import STREAMS, USERS, World

# Who looks at the clock: all of it that a world has to turn.
CLOCKS = (host_streams, installation, missing_ends, process_parts, registering)
PICK = st.integers(0, 11)
STREAM = st.sampled_from(STREAMS)
STATE = st.sampled_from(list(StreamState))
FAULTS = st.lists(
    st.sampled_from(["none", "503", "429", "500", "403", "reset", "answer lost", "stale 410"]),
    max_size=3,
)
HAPPENINGS = (
    "crash",
    "end",
    "end and deliver",
    "reopen",
    "follow",
    "rotate",
    "open app",
    "log out",
    "deliver",
    "stall and deliver",
)


def interrupts(points: int, most: int) -> st.SearchStrategy[list[tuple[int, str, int]]]:
    """What else happens in the middle of something of so many points, and at which of them."""
    happening = st.tuples(st.integers(0, points - 1), st.sampled_from(HAPPENINGS), PICK)
    return st.lists(happening, max_size=most)


A_WRITE, A_REQUEST, A_RUN = interrupts(2, 1), interrupts(4, 1), interrupts(10, 2)


class LiveActivityMachine(RuleBasedStateMachine):
    """Phones follow, hosts end and reopen, Apple fails, processes crash, time passes."""

    open_storage: ClassVar[Callable[[], contextlib.AbstractContextManager[Storage]]]
    """Gives an empty storage."""
    make_world: ClassVar[Callable[[Storage, int], World]] = World

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self._closing = contextlib.ExitStack()
        storage = self._closing.enter_context(type(self).open_storage())
        self.world = type(self).make_world(storage, seed)
        self._closing.callback(self.world.close)
        clock = mock.Mock(wraps=installation.time)
        clock.time = lambda: self.world.now
        for module in CLOCKS:
            self._closing.enter_context(mock.patch.object(module, "time", clock))
        self.users: dict[str, str] = {}
        for number in range(2):
            phone = self.world.phones.add(f"iPhone {number}", phone_id=f"iphone-{number}")
            self._log_in(phone, USERS[number % 2])
            self.world.follow(phone, STREAMS[0])

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.come_to_rest()
        finally:
            self._closing.close()

    # --- phones ------------------------------------------------------------------------------

    @rule(pick=PICK, stream_id=STREAM, interrupts=A_REQUEST)
    def follow(self, pick: int, stream_id: str, interrupts: Any) -> None:
        phone = self._phone(pick)
        with self._interrupted(interrupts):
            self.world.follow(phone, stream_id)

    @rule(pick=PICK, interrupts=A_REQUEST)
    def rotate_token(self, pick: int, interrupts: Any) -> None:
        with self._interrupted(interrupts):
            self._rotate(pick)

    @rule(pick=PICK, interrupts=A_REQUEST)
    def open_app(self, pick: int, interrupts: Any) -> None:
        with self._interrupted(interrupts):
            self._phone(pick).open_app()

    @rule(pick=PICK, on=st.sampled_from([True, False, False]))
    def flight_mode(self, pick: int, on: bool) -> None:
        self._phone(pick).flight_mode = on

    @rule(pick=PICK)
    def swipe_away(self, pick: int) -> None:
        for phone, activity in self._running(pick):
            phone.swipe_away(activity)

    @rule(pick=PICK, user=st.sampled_from(USERS), interrupts=A_WRITE)
    def log_in_as(self, pick: int, user: str, interrupts: Any) -> None:
        phone = self._phone(pick)
        if not phone.is_online:
            return
        with self._interrupted(interrupts):
            self._log_out(self.world.process, phone)
            self._log_in(phone, user)

    # --- the host ----------------------------------------------------------------------------

    @rule(stream_id=STREAM, state=STATE, interrupts=A_WRITE)
    def end(self, stream_id: str, state: StreamState, interrupts: Any) -> None:
        with self._interrupted(interrupts) as process:
            self.world.end(process, stream_id, state)

    @rule(pick=PICK, stream_id=STREAM, faults=FAULTS, interrupts=A_RUN)
    def follow_and_deliver(
        self, pick: int, stream_id: str, faults: list[str], interrupts: Any
    ) -> None:
        self.follow(pick, stream_id, [])
        self.deliver(faults, interrupts)

    @rule(stream_id=STREAM, state=STATE, faults=FAULTS, interrupts=A_RUN)
    def end_and_deliver(
        self, stream_id: str, state: StreamState, faults: list[str], interrupts: Any
    ) -> None:
        self.end(stream_id, state, [])
        self.deliver(faults, interrupts)

    @rule(stream_id=STREAM, interrupts=A_WRITE)
    def reopen(self, stream_id: str, interrupts: Any) -> None:
        with self._interrupted(interrupts) as process:
            self.world.reopen(process, stream_id)

    @precondition(lambda self: self.world.storage.streams.due(self.world.now, 1))
    @rule(faults=FAULTS, interrupts=A_RUN)
    def deliver(self, faults: list[str], interrupts: Any) -> None:
        self.world.faults = list(faults)
        with self._interrupted(interrupts) as process:
            process.deliver()
        self.world.faults = []

    # --- Apple and time ----------------------------------------------------------------------

    @rule(up=st.sampled_from([True, True, False]))
    def apple_is_up(self, up: bool) -> None:
        self.world.apple_is_up = up

    @rule(seconds=st.sampled_from([-5, 0.4, 1, 10, 31, 70, 400, 5000, 30000]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.phones.tick()

    # --- what must hold ----------------------------------------------------------------------

    @invariant()
    def timestamps_rise(self) -> None:
        if hasattr(self, "world"):
            self.world.check_timestamps()

    # --- in the middle of something ----------------------------------------------------------

    @contextlib.contextmanager
    def _interrupted(self, interrupts: list[tuple[int, str, int]]) -> Iterator[Process]:
        process = self.world.process
        process.interrupts = {
            process.points + point: self._interrupt(kind, pick) for point, kind, pick in interrupts
        }
        try:
            yield process
        except Crash:
            self.world.restart()
        finally:
            process.interrupts = {}

    def _interrupt(self, kind: str, pick: int) -> Callable[[], None]:
        world = self.world
        elsewhere, stream_id = world.elsewhere, STREAMS[pick % len(STREAMS)]

        def interrupt() -> None:
            world.happened += 1
            match kind:
                case "crash":
                    world.process.crash()
                case "end":
                    world.end(elsewhere, stream_id, StreamState.READY)
                case "end and deliver":
                    world.end(elsewhere, stream_id, StreamState.CANCELLED)
                    elsewhere.deliver()
                case "reopen":
                    world.reopen(elsewhere, stream_id)
                case "follow":
                    self._on_another_line(lambda: world.follow(self._phone(pick), stream_id))
                case "rotate":
                    self._on_another_line(lambda: self._rotate(pick))
                case "open app":
                    self._on_another_line(self._phone(pick).open_app)
                case "log out":
                    self._log_out(elsewhere, self._phone(pick))
                case "deliver":
                    elsewhere.deliver()
                case "stall and deliver":
                    world.now += LEASE + 10
                    elsewhere.deliver()

        return interrupt

    def _on_another_line(self, act: Callable[[], object]) -> None:
        """What a phone does in the middle of something is served by the other process."""
        world = self.world
        process, world.process = world.process, world.elsewhere
        try:
            act()
        finally:
            world.process = process

    # --- picking -----------------------------------------------------------------------------

    def _phone(self, pick: int) -> Phone:
        phones = self.world.phones.all
        return phones[pick % len(phones)]

    def _running(self, pick: int) -> list[tuple[Phone, Activity]]:
        running = [
            (phone, activity)
            for phone in self.world.phones.all
            for activity in phone.activities
            if activity.state in ("active", "stale")
        ]
        return [running[pick % len(running)]] if running else []

    def _rotate(self, pick: int) -> None:
        for phone, activity in self._running(pick):
            phone.rotate_token(activity)

    def _log_in(self, phone: Phone, user: str) -> None:
        phone.log_in(self.world.backend(), user, "password")
        self.users[phone.id] = user

    def _log_out(self, process: Process, phone: Phone) -> None:
        user = self.users.pop(phone.id, None)
        if user is not None:
            phone.log_out()
            self.world.log_out(process, phone, user)
