"""A process of the host, whose every step can be interrupted.

What a thread, a second process or a crash could do at any moment is done at *points*: before each
call of storage, before each push is drawn and sent, and before each answer is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.model import (
    Counts,
    Decide,
    Push,
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
)
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sessions import Sessions
from flask_allmine_liveactivity.storage.streams import Streams

if TYPE_CHECKING:
    from model.world import World

LEASE = 60.0
# An event at rest is not looked at again within the time that the world is given to come to rest:
# what a sweep would find after an hour must have been found without one.
SWEEP_INTERVAL = 3600.0
# What passes from one point to the next, in seconds.
STEP = 0.01


class Crash(BaseException):
    """The process is gone; nothing of it runs any more."""


class Violation(AssertionError):
    """A promise was broken."""


class Process:
    """One process of the host: an app of its own over the storage that all share."""

    def __init__(self, world: World) -> None:
        self.alive = True
        self.world = world
        self.points = 0
        self.interrupts: dict[int, Callable[[], None]] = {}
        self.fault = "none"
        """What is wrong with the host's next answers about its streams."""
        self.is_checking = False
        """Whether it asks by itself, and not because the host has said that something changed."""
        self.round = 0.0
        """When the round of questions that is under way has begun."""
        self.broken: str | None = None
        """What was seen broken where nobody hears of it."""
        idle = _idle[world.is_asked]
        self._host = idle.pop() if idle else Host(world.is_asked)
        self._host.process = self
        self.app = self._host.app
        self.live_activity = self._host.live_activity

    def point(self) -> None:
        """Here anything else may happen."""
        if not self.alive:
            raise Crash
        self.world.now += STEP
        here, self.points = self.points, self.points + 1
        interrupt = self.interrupts.pop(here, None)
        if interrupt is not None:
            interrupt()
        if not self.alive:
            raise Crash

    def crash(self) -> None:
        """Die here: no ``finally`` of this process reaches storage any more."""
        self.alive = False

    def deliver(self) -> None:
        """One run of delivery over all that is due."""
        self._host.installation.parts.delivery.run()

    def ask(self, fault: str = "none") -> None:
        """Ask the host about all streams that are due for a question."""
        self.fault, self.is_checking, self.round = fault, True, self.world.now
        try:
            self._host.installation.streams.ask_due()
        finally:
            self.fault, self.is_checking = "none", False
            if self.broken is not None:
                raise Violation(self.broken)

    def measure_by(self, monotonic: Callable[[], float]) -> None:
        """Let delivery measure its leases by this clock, and not by the one on the wall here."""
        self._host.installation.parts.delivery._monotonic = monotonic

    def close(self) -> None:
        """Nothing more comes of it; its app may serve another world."""
        self._host.installation.close()
        _idle[self.world.is_asked].append(self._host)


class Host:
    """An app, and the process that it is. To make one takes longer than all that happens in it.

    Args:
        is_asked: Whether it has said how it is asked what its streams are.
    """

    process: Process

    def __init__(self, is_asked: bool) -> None:
        self.app = Flask("allmine")
        self.app.config.update(
            TESTING=True,
            JWT_SECRET_KEY="a secret of thirty-two bytes or more",
            JWT_ACCESS_TOKEN_EXPIRES=False,
            LIVE_ACTIVITY_DELIVERY="worker",
            LIVE_ACTIVITY_SWEEP_INTERVAL=SWEEP_INTERVAL,
            LIVE_ACTIVITY_LEASE=LEASE,
            LIVE_ACTIVITY_BATCH_SIZE=10,
        )
        JWTManager(self.app)
        self.live_activity = LiveActivity(
            self.app, storage=WatchedStorage(self), push=SimulatedPush(self)
        )
        self.live_activity.stream_guard(self._guard)
        if is_asked:
            self.live_activity.streams(self._streams)
        self.installation = self.app.extensions["live_activity"]

    def _guard(self, stream_id: str, user_id: str) -> str | None:
        return self.process.world.guard(stream_id, user_id)

    def _streams(self, stream_ids: Sequence[str]) -> Mapping[Any, Any]:
        self.process.point()
        answers = self.process.world.answers(self.process, stream_ids)
        self.process.point()
        return answers


_idle: dict[bool, list[Host]] = {False: [], True: []}


class WatchedStorage(Storage):
    """The world's storage, before each of whose calls is a point of the host's process."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.streams = _watched(Streams, host, lambda: self._there.streams, write=self._write)
        self.sessions = _watched(Sessions, host, lambda: self._there.sessions, settle=self._settle)

    @property
    def _there(self) -> Storage:
        return self._host.process.world.storage

    def prepare(self) -> None:
        self._there.prepare()

    def close(self) -> None:
        pass

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        self._host.process.point()
        return self._there.counts(now, stream_id)

    def _write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        read: list[StreamEvent | None] = []

        def decided(current: StreamEvent | None) -> StreamEvent | None:
            read.append(current)
            return decide(current)

        stands = self._there.streams.write(stream_id, decided)
        if stands is not None:
            self._host.process.world.written(read[-1], stands)
        return stands

    def _settle(self, settlements: Sequence[Settlement]) -> int:
        sessions = self._there.sessions
        before = {row.session_id: row for row in sessions.page(limit=1000)}
        counted = sessions.settle(settlements)
        for row in sessions.page(limit=1000):
            was = before[row.session_id]
            if _is_over(was) and not _is_over(row):
                raise Violation("A session that was over is active again, and no phone said so.")
            if row.status is not SessionStatus.DEAD and row.delivered < was.delivered:
                raise Violation("A late answer has written over a newer one.")
        return counted


def _watched(record: Any, host: Host, there: Callable[[], Any], **instead: Any) -> Any:
    """What is made of several calls, as ``Streams.wake`` is, has as many points."""

    def watch(name: str) -> Callable[..., Any]:
        def call(_: Any, *arguments: Any, **named: Any) -> Any:
            host.process.point()
            act = instead.get(name) or getattr(there(), name)
            return act(*arguments, **named)

        return call

    methods = {name: watch(name) for name in record.__abstractmethods__}
    return type(f"Watched{record.__name__}", (record,), methods)()


def _is_over(session: Session) -> bool:
    return session.status is not SessionStatus.ACTIVE


class SimulatedPush(PushBackend):
    """Apple's door without the wire: a few in flight, answered in another order."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        process = self._host.process
        in_flight: list[PushResult] = []
        source = iter(pushes)
        drained = False
        while True:
            while not drained and len(in_flight) < 3:
                process.point()
                push = next(source, None)
                if push is None:
                    drained = True
                else:
                    process.point()
                    in_flight.append(process.world.apple(push))
            if not in_flight:
                return
            process.point()
            yield in_flight.pop(process.world.random.randrange(len(in_flight)))

    def close(self) -> None:
        """Nothing is open."""
