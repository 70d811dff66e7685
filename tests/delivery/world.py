"""Phones, a host and a delivery, over a storage and a clock that is turned by hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.report import Run
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    Session,
    SessionStatus,
    StreamEvent,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.push.apns.client import ApnsPush, topic_of
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import (
    announcement_of_end,
    announcement_of_update,
)

STREAM = "65f000000000000000000001"
OTHER_STREAM = "65f000000000000000000002"
NOW = 1_790_000_000.0
HOUR = 3600.0
LIFETIME = 12 * HOUR
TTL = 24 * HOUR
SWEEP = 15.0
# What a monotonic clock says is of no meaning by itself; in seconds.
UPTIME = 1000.0


class Clock:
    """A clock that is turned by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def a_token(number: int, stream: str = STREAM) -> str:
    return f"{stream}{number:0136x}"


def delivered(push: Push) -> PushResult:
    return PushResult(push, Verdict.DELIVERED, status=200)


class World:
    """Everything there is in one process.

    Args:
        storage: Where sessions and events are.
        push: Where pushes go; without it `answer` decides, and ``told`` keeps them.
        clock: The time; without it `clock` is turned by hand.
        monotonic: Seconds that only rise; without it they stand still, but for `turn`, where the
            clock is turned by hand.
        policy: Changes to lease, batch size, sweep interval.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend | None = None,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
        **policy: Any,
    ) -> None:
        self.storage = storage
        self.clock = Clock()
        self.now: Callable[[], float] = clock or self.clock
        self.ticks = Clock(UPTIME)
        self.monotonic = monotonic or (time.monotonic if clock else self.ticks)
        self.answer: Callable[[Push], PushResult] = delivered
        self.memory = MemoryPush(lambda push: self.answer(push))
        self.push = push or self.memory
        self.policy = Policy(
            **{"lease": 60.0, "batch_size": 100, "sweep_interval": SWEEP, **policy}
        )
        self.delivery = self.another_delivery()

    def another_delivery(self) -> Delivery:
        """As another process has one."""
        return Delivery(
            self.storage,
            self.push,
            self.policy,
            clock=lambda: self.now(),
            monotonic=lambda: self.monotonic(),
        )

    # --- what phones and host do -------------------------------------------------------------

    def register(
        self, number: int = 1, stream: str = STREAM, token: str | None = None, **given: Any
    ) -> str:
        token = token or a_token(number, stream)
        answer = self.answer_of(number, stream, token, **given)
        assert answer in (Answer.REGISTERED, Answer.LATE)
        return token

    def answer_of(
        self, number: int = 1, stream: str = STREAM, token: str | None = None, **given: Any
    ) -> Answer:
        """What a registration is answered."""
        return register(
            self.storage,
            Claimant(
                user_id=given.pop("user", f"user-{number}"),
                device_id=f"device-{number}",
                activity_id=f"activity-{stream}-{number}",
                stream_id=stream,
                token=token or a_token(number, stream),
                environment=given.pop("environment", None),
            ),
            now=self.now(),
            lifetime=given.pop("lifetime", LIFETIME),
            max_per_user=None,
        )

    def register_many(self, count: int, stream: str = STREAM) -> list[str]:
        return [self.register(number, stream) for number in range(1, count + 1)]

    def end(
        self, state: StreamState = StreamState.READY, stream: str = STREAM, **said: Any
    ) -> StreamEvent:
        now = self.now()
        given: dict[str, Any] = {"content_state": None, "alert": None, "dismiss_after": 0.0}
        announcement = announcement_of_end(stream, state, **{**given, **said}, now=now, ttl=TTL)
        return self.storage.streams.announce(announcement, now)

    def update(
        self, title: str = "renamed", stream: str = STREAM, *, moved: bool = False, **said: Any
    ) -> StreamEvent:
        """The host says something new of a stream that is to come."""
        now = self.now()
        countdown = Countdown(starts_at=now + HOUR, content_state={"title": title})
        announcement = announcement_of_update(
            stream, countdown, **{"alert": None, **said}, moved=moved, now=now, ttl=TTL
        )
        return self.storage.streams.announce(announcement, now)

    def run(self) -> Run:
        return self.delivery.run()

    def run_later(self, seconds: float) -> Run:
        self.clock.now += seconds
        return self.run()

    def turn(self, seconds: float) -> None:
        """So many seconds pass in mid-run."""
        self.clock.now += seconds
        self.ticks.now += seconds

    def refuse(self, verdict: Verdict, reason: str | None = None, **more: Any) -> None:
        """Answer every push so from now on."""
        self.answer = lambda push: PushResult(push, verdict, reason=reason, **more)

    # --- what became of it -------------------------------------------------------------------

    @property
    def told(self) -> list[str]:
        """The tokens that were pushed to, in order."""
        return [push.token for push in self.memory.sent]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The tokens that were pushed to, and what each was told: a title, or ``end``."""
        payloads = [(push.token, json.loads(push.payload)["aps"]) for push in self.memory.sent]
        return [
            (token, "end" if aps["event"] == "end" else aps["content-state"]["title"])
            for token, aps in payloads
        ]

    def sessions(self) -> list[Session]:
        return self.storage.sessions.page(limit=100_000)

    def session(self, token: str) -> Session:
        (found,) = [row for row in self.sessions() if row.token == token]
        return found

    def statuses(self) -> set[SessionStatus]:
        return {row.status for row in self.sessions()}

    def event(self, stream: str = STREAM) -> StreamEvent:
        event = self.storage.streams.read(stream)
        assert event is not None
        return event

    def is_given_back(self, token: str) -> bool:
        """Whether nobody has a claim on it, and it is due."""
        row = self.session(token)
        return row.claim_id is None and row.due_at <= self.now()


def apns_push(apns: LocalApns, connections: int = 1) -> ApnsPush:
    """The `apns` engine on a local APNs."""
    key = read_signing_key(apns.key_pem)
    return ApnsPush(
        Endpoint(apns.url, topic_of(apns.bundle_id), str(apns.ca_file)),
        ProviderToken(key, apns.key_id, apns.team_id),
        connections,
    )


def wait_until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)


def threads() -> set[threading.Thread]:
    """The package's, those of other tests' apps too: what counts is what is new among them.

    Not the one that closes an app which nobody holds any more: that begins wherever the garbage
    collector happens to find such an app.
    """
    running = {each for each in threading.enumerate() if each.name.startswith("live-activity-")}
    return {each for each in running if each.name != "live-activity-closing"}
