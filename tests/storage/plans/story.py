"""The life of a huge stream, and in each of its situations one round of all that is asked often."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from flask_allmine_liveactivity.model import Session, Settlement
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    a_session,
    an_announcement,
    delivered,
    gone,
    keep,
    later,
    take,
)

from .meters import Meter, Statement
from .population import HUGE, small

SITUATIONS = (
    "all are due",
    "others have claimed some",
    "most are backing off",
    "nearly all are told",
)
LIMIT = 100
# What three workers have in their hands: claims step over it, however large the audience is.
IN_HANDS = 3 * LIMIT
LATECOMERS = 5
OF_A_USER = 100


@dataclass
class Measured:
    """One call of the storage."""

    situation: str
    step: str
    work: int
    """How many rows it is about."""
    statements: list[Statement]

    @property
    def rows(self) -> int:
        return sum(statement.rows for statement in self.statements)

    @property
    def pages(self) -> int:
        return sum(statement.pages for statement in self.statements)


@dataclass
class Story:
    """Plays on a storage that is filled, and notes what each step has read."""

    storage: Storage
    """Its statements are measured."""
    others: Storage
    """The same one, for what goes on meanwhile."""
    meter: Meter
    huge: int
    """How many are in the huge stream."""
    counted: bool
    """Whether the database gathers statistics before each round."""
    measured: list[Measured] = field(default_factory=list)
    claims: dict[str, list[float]] = field(default_factory=dict)
    """How long each claim of the whole audience took, by what it was for."""
    situation: str = ""
    now: float = NOW
    rounds: int = 0
    in_hands: int = 0
    """How many others have claimed at present."""

    @contextlib.contextmanager
    def measure(self, step: str, work: int = 1) -> Iterator[None]:
        self.meter.statements = []
        self.meter.watching = True
        try:
            yield
        finally:
            self.meter.watching = False
        self.measured.append(Measured(self.situation, step, work, self.meter.statements))

    def play(self) -> None:
        self.storage.streams.announce(an_announcement(stream_id=HUGE), self.now)
        self.round(SITUATIONS[0])
        self.storage.streams.announce(an_announcement(stream_id=HUGE), self.now)
        take(self.others, stream_id=HUGE, limit=IN_HANDS, now=self.now, lease=10 * HOUR)
        self.in_hands = IN_HANDS
        self.round(SITUATIONS[1])
        self.in_hands = 0
        self.now += 10 * HOUR + 1
        for batch in self._all("to back off", 60):
            self.others.sessions.settle([later(each, self.now + 5 * HOUR) for each in batch])
        self.round(SITUATIONS[2])
        self.now += 6 * HOUR
        for batch in self._all("to be told", 60):
            self.others.sessions.settle([delivered(each, due_at=self.now + 30) for each in batch])
        self.round(SITUATIONS[3])

    def _all(self, purpose: str, lease: float) -> Iterator[Sequence[Session]]:
        took = self.claims.setdefault(purpose, [])
        while True:
            began = time.perf_counter()
            batch = take(self.others, stream_id=HUGE, limit=1000, now=self.now, lease=lease)
            if not batch:
                break
            took.append(time.perf_counter() - began)
            yield batch

    # --- one round ---------------------------------------------------------------------------

    def round(self, situation: str) -> None:
        self.situation = situation
        self.rounds += 1
        self.meter.clear_away()
        if self.counted:
            self.meter.gather_statistics()
        self._phones_come()
        self._a_user_with_many()
        self._a_worker_looks()
        self._a_worker_works()
        self._events_change()
        self._people_ask()

    def _claimant(self, name: str, stream: str = HUGE, token: str = "") -> Claimant:
        name = f"{name}-{self.rounds}"
        return Claimant(
            user_id=name,
            device_id="phone",
            activity_id=name,
            stream_id=stream,
            token=(token or name) + "f" * 150,
        )

    def _register(self, claimant: Claimant) -> None:
        register(self.storage, claimant, now=self.now, lifetime=12 * HOUR, max_per_user=OF_A_USER)

    def _phones_come(self) -> None:
        for number in range(LATECOMERS):
            self._register(self._claimant(f"late-{number}"))
        with self.measure("a phone registers"):
            self._register(self._claimant("new"))
        with self.measure("a phone registers again"):
            self._register(self._claimant("new"))
        with self.measure("a token rotates"):
            self._register(self._claimant("new", token=f"rotated-{self.rounds}"))
        with self.measure("touch"):
            self.storage.streams.wake(HUGE, self.now + HOUR, self.now)

    def _a_user_with_many(self) -> None:
        user = f"many-{self.rounds}"
        for number in range(OF_A_USER):
            keep(
                self.storage,
                user_id=user,
                stream_id=small(number),
                registered_at=self.now - number,
                expires_at=self.now + (HOUR if number % 2 else -1),
            )
        with self.measure("count of a user", OF_A_USER):
            assert self.storage.sessions.count_of_user(user) == OF_A_USER
        with self.measure("make room", OF_A_USER):
            self._register(replace(self._claimant("one more", "another"), user_id=user))
        with self.measure("log out"):
            self.storage.sessions.release(f"late-0-{self.rounds}", "phone")
        with self.measure("forget a user", OF_A_USER):
            self.storage.forget_user(user)

    def _a_worker_looks(self) -> None:
        for number in range(3):
            self.storage.streams.announce(
                an_announcement(stream_id=small(number), said=f"{self.rounds}"), self.now
            )
        with self.measure("due events", 4):
            due = self.storage.streams.due(self.now, LIMIT)
        assert len(due) == 4, [each.stream_id for each in due]
        with self.measure("event"):
            assert self.storage.streams.read(HUGE) is not None
        with self.measure("held events", 20):
            assert len(self.storage.streams.held(20)) == 20

    def _a_worker_works(self) -> None:
        with self.measure("next due", 1 + self.in_hands):
            assert self.storage.sessions.next_due(HUGE, 1) is not None
        with self.measure("claim", LIMIT + self.in_hands):
            claimed = take(self.storage, stream_id=HUGE, now=self.now, limit=LIMIT)
        due = LATECOMERS + 1 + (self.huge if self.rounds <= 2 else 0)
        assert len(claimed) == min(LIMIT, due)
        told, refused, dead = claimed[::3], claimed[1::3], claimed[2::3]
        self._settle("told", [delivered(each, due_at=self.now + 30) for each in told])
        self._settle("to be tried again", [later(each, self.now + 8) for each in refused])
        self._settle("gone", [replace(gone(each), not_seen_after=self.now) for each in dead])
        with self.measure("claim where few are due", LIMIT):
            take(self.storage, stream_id=small(0), revision=9, now=self.now, limit=LIMIT)
        with self.measure("claim where nobody is due"):
            assert not take(self.storage, stream_id=HUGE, now=NOW - 1, limit=LIMIT)
        # Those just claimed may still be stepped over.
        with self.measure("next due after that", LIMIT + self.in_hands):
            assert self.storage.sessions.next_due(HUGE, 1) is not None

    def _settle(self, what: str, settlements: list[Settlement]) -> None:
        with self.measure(f"settle: {what}", len(settlements)):
            assert self.storage.sessions.settle(settlements) == len(settlements)

    def _events_change(self) -> None:
        with self.measure("announce"):
            self.storage.streams.announce(an_announcement(stream_id=HUGE), self.now)
        event = self.storage.streams.read(HUGE)
        assert event is not None
        with self.measure("hold"):
            self.storage.streams.hold(event, "InvalidProviderToken", self.now, self.now + 60)
        with self.measure("rest"):
            assert self.storage.streams.rest([(event, self.now + 100 * HOUR)])
        for number in range(3):
            event = self.storage.streams.read(small(number))
            assert event is not None
            self.storage.streams.rest([(event, self.now + 100 * HOUR)])

    def _people_ask(self) -> None:
        with self.measure("counts of a small stream", 2):
            self.storage.counts(self.now, small(200))
        over = [
            *[a_session(expires_at=1.0, stream_id=HUGE) for _ in range(5)],
            *[a_session(user_id=None, status="ended", stream_id=HUGE) for _ in range(5)],
        ]
        for row in over:
            keep(self.storage, **_fields(row))
        # Without an owner, and still to be told: they are found with those that are over.
        forgotten = self.rounds * (OF_A_USER + 1)
        with self.measure("purge", len(over) + forgotten):
            assert self.storage.purge(2.0) >= len(over)


def _fields(session: Session) -> dict[str, object]:
    return {name: getattr(session, name) for name in session.__slots__}
