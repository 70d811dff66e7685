"""Phones, a host and a delivery, over a storage and a clock that is turned by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask_allmine_liveactivity.announcement import announcement_of_end
from flask_allmine_liveactivity.delivery import Delivery, Run
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    Session,
    SessionStatus,
    StreamEvent,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.policy import Policy
from flask_allmine_liveactivity.push.apns.client import ApnsPush, topic_of
from flask_allmine_liveactivity.push.apns.connection import Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.registration import Answer, Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage

STREAM = "65f000000000000000000001"
OTHER_STREAM = "65f000000000000000000002"
NOW = 1_790_000_000.0
HOUR = 3600.0
LIFETIME = 12 * HOUR
TTL = 24 * HOUR
SWEEP = 15.0


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
        clock: The time.
        policy: Changes to lease, batch size, sweep interval.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend | None = None,
        clock: Callable[[], float] | None = None,
        **policy: Any,
    ) -> None:
        self.storage = storage
        self.clock = Clock()
        self.now: Callable[[], float] = clock or self.clock
        self.answer: Callable[[Push], PushResult] = delivered
        self.memory = MemoryPush(lambda push: self.answer(push))
        self.push = push or self.memory
        self.policy = Policy(
            **{"lease": 60.0, "batch_size": 100, "sweep_interval": SWEEP, **policy}
        )
        self.delivery = self.another_delivery()

    def another_delivery(self) -> Delivery:
        """As another process has one."""
        return Delivery(self.storage, self.push, self.policy, clock=lambda: self.now())

    # --- what phones and host do -------------------------------------------------------------

    def register(
        self, number: int = 1, stream: str = STREAM, token: str | None = None, **given: Any
    ) -> str:
        token = token or a_token(number, stream)
        answer = register(
            self.storage,
            Claimant(
                user_id=f"user-{number}",
                device_id=f"device-{number}",
                activity_id=f"activity-{stream}-{number}",
                stream_id=stream,
                token=token,
            ),
            now=self.now(),
            lifetime=given.pop("lifetime", LIFETIME),
            max_per_user=None,
        )
        assert answer in (Answer.REGISTERED, Answer.LATE)
        return token

    def register_many(self, count: int, stream: str = STREAM) -> list[str]:
        return [self.register(number, stream) for number in range(1, count + 1)]

    def end(
        self, state: StreamState = StreamState.READY, stream: str = STREAM, **said: Any
    ) -> StreamEvent:
        now = self.now()
        given: dict[str, Any] = {"content_state": None, "alert": None, "dismiss_after": 0.0}
        announcement = announcement_of_end(stream, state, **{**given, **said}, now=now, ttl=TTL)
        return self.storage.announce(announcement, now)

    def run(self) -> Run:
        return self.delivery.run()

    def run_later(self, seconds: float) -> Run:
        self.clock.now += seconds
        return self.run()

    def refuse(self, verdict: Verdict, reason: str | None = None, **more: Any) -> None:
        """Answer every push so from now on."""
        self.answer = lambda push: PushResult(push, verdict, reason=reason, **more)

    # --- what became of it -------------------------------------------------------------------

    @property
    def told(self) -> list[str]:
        """The tokens that were pushed to, in order."""
        return [push.token for push in self.memory.sent]

    def sessions(self) -> list[Session]:
        return self.storage.sessions(limit=100_000)

    def session(self, token: str) -> Session:
        (found,) = [row for row in self.sessions() if row.token == token]
        return found

    def statuses(self) -> set[SessionStatus]:
        return {row.status for row in self.sessions()}

    def event(self, stream: str = STREAM) -> StreamEvent:
        event = self.storage.event(stream)
        assert event is not None
        return event

    def is_released(self, token: str) -> bool:
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
