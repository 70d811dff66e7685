"""Clocks that are wrong, or are set in the midst of a fan-out: pushes are doubled, none is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import jwt
import pytest
import services
from delivery.world import World

from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.model import SessionStatus, StreamState
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.memory import MemoryStorage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .audience import LIFETIME, STREAM, a_token, until
from .crowds import Crowd, a_crowd
from .killing import BATCH, IN_FLIGHT, LEASE
from .processes import a_worker, process
from .turned import Clock

HOUR = 3600.0
PHONES = 400
# What Apple forgives is not known; here leases are looked at, and not what it makes of a clock.
FORGIVEN = "flask_allmine_liveactivity.simulator.provider_token.CLOCK_SKEW"


class Scene:
    """A stream that ended two hours ago, when no worker ran; and clocks that can be turned.

    Args:
        crowd: Who is to be told.
        folder: For what is said, and the clocks.
    """

    def __init__(self, crowd: Crowd, folder: Path) -> None:
        self.crowd = crowd
        self.clock = Clock(folder / "clock")
        """That of a worker who goes by it."""
        self.apples = Clock(folder / "apples")
        self.output = folder / "output"
        self._clock_file = folder / "clock"
        self._config = crowd.config(LIVE_ACTIVITY_LEASE=LEASE, LIVE_ACTIVITY_BATCH_SIZE=BATCH)

    def worker(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """One that is on time."""
        return a_worker(self._config, self.output)

    def worker_by_the_clock(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return process(
            sys.executable, "-m", "faults.turned", "--app", "faults.host:make_host",
            "live-activity", "worker",
            config=self._config, output=self.output, FAULTS_CLOCK=str(self._clock_file),
        )  # fmt: skip

    def turn_all(self, off: float) -> None:
        """The worker's clock and Apple's."""
        self.apples.turn(off)
        self.clock.turn(off)

    def cancel(self, now: float) -> None:
        """Announce that the stream was cancelled, by a clock that says so."""
        announcement = announcement_of_end(
            STREAM,
            StreamState.CANCELLED,
            content_state=None,
            alert=None,
            dismiss_after=0.0,
            now=now,
            ttl=2 * LIFETIME,
        )
        self.crowd.storage.streams.announce(announcement, now)

    def wait_until_both_push(self) -> None:
        """Two workers, each with a connection of its own."""

        def both() -> bool:
            return len({received.client for received in self.crowd.apns.accepted}) == 2

        assert until(both, 30), self.output.read_text()
        assert self.crowd.audience.pending, "it was over too soon"

    def wait_until_held(self) -> None:
        """Until the worker says so, with nobody given up."""
        assert until(lambda: "pushes are held" in self.output.read_text(), 30), (
            self.output.read_text(),
            self.refused,
            len(self.crowd.apns.received),
        )
        assert self.crowd.audience.pending
        assert self.crowd.claimed == 0

    def expect_nobody_lost(self) -> None:
        self.crowd.apns.delay(0)
        self.crowd.wait_until_told()
        self.crowd.audience.check()
        assert self.crowd.most_often_told <= 2

    def expect_them_well(self) -> None:
        self.crowd.end_the_other_stream()
        self.crowd.wait_until_the_other_stream_is_told()

    @property
    def refused(self) -> set[str | None]:
        return {received.reason for received in self.crowd.apns.received if received.status != 200}

    @property
    def tokens_made_at(self) -> list[int]:
        """When the provider tokens were made, in the order in which they came."""
        tokens = dict.fromkeys(received.provider_token for received in self.crowd.apns.received)
        read = {"verify_signature": False}
        return [jwt.decode(token or "", options=read)["iat"] for token in tokens]


@contextmanager
def scene(folder: Path, off: float = 0.0) -> Iterator[Scene]:
    """The worker's clock is off by so much, and Apple's right, at first."""
    apples = Clock(folder / "apples")
    apples.turn(0)
    Clock(folder / "clock").turn(off)
    # How often a connection may change its provider token is looked at elsewhere.
    apns = LocalApns(max_concurrent_streams=IN_FLIGHT, clock=apples, token_updates=None)
    with services.postgresql() as uri, apns, pytest.MonkeyPatch.context() as patch:
        right = time.time
        patch.setattr(time, "time", lambda: right() - 2 * HOUR)
        with a_crowd(uri, apns, PHONES) as crowd:
            crowd.audience.end()
            patch.undo()
            apns.delay(0.1)
            yield Scene(crowd, folder)


# --- one worker's clock ---------------------------------------------------------------------------


@pytest.mark.parametrize("off", [90.0, -90.0], ids=["fast", "slow"])
def test_beside_a_worker_on_time_one_is_90_seconds(
    off: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes every lease of the other's, or has its own taken."""
    monkeypatch.setattr(FORGIVEN, 120)
    with scene(tmp_path, off) as told, told.worker(), told.worker_by_the_clock():
        told.wait_until_both_push()
        told.expect_nobody_lost()
        told.expect_them_well()


def test_a_worker_whose_clock_is_set_back_an_hour_goes_on_when_it_is_right(tmp_path: Path) -> None:
    """Apple takes its provider tokens for old ones meanwhile."""
    with scene(tmp_path) as told, told.worker_by_the_clock():
        told.crowd.wait_for_pushes(30)
        told.clock.turn(-HOUR - 60)
        told.wait_until_held()
        assert told.refused == {"ExpiredProviderToken"}
        told.clock.turn(0)
        told.expect_nobody_lost()
        told.expect_them_well()


def test_a_worker_whose_clock_is_set_ahead_an_hour_delays_what_it_held(tmp_path: Path) -> None:
    """Apple takes none of its provider tokens meanwhile, and what it gives back is due later."""
    with scene(tmp_path) as told, told.worker_by_the_clock():
        told.crowd.wait_for_pushes(30)
        told.clock.turn(HOUR)
        told.wait_until_held()
        assert told.refused == {"InvalidProviderToken"}
        told.clock.turn(0)
        told.crowd.audience.end()  # to say it again lifts the hold
        held = 4 * BATCH  # what goes out, is claimed ahead, is settled, and waits to be
        assert until(lambda: told.crowd.audience.pending <= held, 60)
        told.turn_all(HOUR + 60)  # the hour passes
        told.expect_nobody_lost()
        told.expect_them_well()


def test_a_worker_whose_clock_is_set_back_half_an_hour_goes_on(tmp_path: Path) -> None:
    """With a provider token that is not from the future; and what is said later is newer."""
    with scene(tmp_path) as told, told.worker_by_the_clock():
        told.crowd.wait_for_pushes(100)
        told.clock.turn(-HOUR / 2)
        told.expect_nobody_lost()
        assert told.refused == set()
        first, second = told.tokens_made_at
        assert second < first - HOUR / 4
        # The stream is cancelled, too: by a clock that is behind that of its end.
        newest = max(received.timestamp for received in told.crowd.apns.accepted)
        told.cancel(told.clock() - 2 * HOUR)
        told.crowd.audience.register(PHONES)
        told.clock.turn(0)
        told.expect_nobody_lost()
        late = [push for push in told.crowd.apns.accepted if push.token == a_token(PHONES)]
        assert [push.timestamp > newest for push in late] == [True]
        told.expect_them_well()


def test_of_two_workers_the_clocks_are_set_ahead_an_hour(tmp_path: Path) -> None:
    """Apple's, too: it is as if all had slept. Leases have ended, and provider tokens are old."""
    with scene(tmp_path) as told, told.worker_by_the_clock(), told.worker_by_the_clock():
        told.wait_until_both_push()
        told.turn_all(HOUR)
        told.expect_nobody_lost()
        # With what was under way; and that is sent again.
        assert told.refused <= {"ExpiredProviderToken"}
        made_at = told.tokens_made_at
        assert max(made_at) - min(made_at) > HOUR - 60
        told.expect_them_well()


# --- what a wrong clock leaves behind -------------------------------------------------------------


def test_what_a_fast_worker_gives_back_is_due_at_once() -> None:
    world = World(MemoryStorage())
    tokens = world.register_many(50)
    world.end()
    fast = Delivery(world.storage, world.push, world.policy, clock=lambda: world.now() + 90)
    fast.run(on_result=fast.stop)
    assert len(world.told) < len(tokens)
    world.run()
    assert sorted(world.told) == sorted(tokens)
    assert world.statuses() == {SessionStatus.ENDED}


def test_what_a_fast_worker_held_when_it_was_killed_is_due_when_its_lease_ends() -> None:
    """By the others' clock, later by as much as it was fast."""
    world = World(MemoryStorage())
    tokens = world.register_many(50)
    world.end()
    fast = world.now() + 90
    world.storage.sessions.claim(
        STREAM, 1, claim_id="c" * 32, limit=50, now=fast, leased_until=fast + 60
    )
    world.run()
    assert world.told == []
    world.run_later(90 + 60 + 1)
    assert sorted(world.told) == sorted(tokens)
    assert world.statuses() == {SessionStatus.ENDED}


def test_who_registered_before_the_clock_was_set_back_is_told_at_once() -> None:
    world = World(MemoryStorage())
    token = world.register()
    world.clock.now -= HOUR
    world.end()
    world.run()
    assert world.told == [token]
    assert world.statuses() == {SessionStatus.ENDED}


def test_what_a_fast_host_ends_is_told_at_once() -> None:
    """The worker elsewhere is right."""
    world = World(MemoryStorage())
    world.clock.now += 60
    token = world.register()
    world.end()
    world.clock.now -= 60
    world.run()
    assert world.told == [token]
    assert world.statuses() == {SessionStatus.ENDED}
