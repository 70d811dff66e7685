"""Who works on a storage at once: phones, hosts and workers, each in its own thread or process.

Everything here can be sent to a process by its name. The time stands still at ``NOW`` and leases
are long: whatever is claimed twice, or put to rest too early, stays so and is seen.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity.delivery.schedule import rest_then_look
from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    LEASE,
    NOW,
    an_announcement,
    delivered,
    take,
)

STREAMS = ("stream-0", "stream-1", "stream-2")
PATIENCE = 60.0
"""Seconds after which an actor gives up, so that a lost session fails a test and hangs none."""


@dataclass(frozen=True)
class Crowd:
    """Phones that register one after the other."""

    name: str
    phones: int

    def claimants(self) -> Iterator[Claimant]:
        for number in range(self.phones):
            yield Claimant(
                user_id=f"{self.name}-user-{number}",
                device_id="phone",
                activity_id=f"{self.name}-activity-{number}",
                stream_id=STREAMS[number % len(STREAMS)],
                token=f"{self.name}-{number}",
            )


def sign_up(storage: Storage, claimant: Claimant) -> Answer:
    return register(storage, claimant, now=NOW, lifetime=12 * HOUR, max_per_user=None)


def arrive(storage: Storage, crowd: Crowd) -> list[str]:
    """Register a crowd; returns the answers."""
    return [sign_up(storage, claimant).value for claimant in crowd.claimants()]


def announce_often(storage: Storage, times: int) -> list[int]:
    """End every stream, differently each time; returns the revisions."""
    return [
        storage.streams.announce(
            an_announcement(stream_id=stream_id, said=f"{number}"), NOW
        ).revision
        for number in range(times)
        for stream_id in STREAMS
    ]


def deliver(storage: Storage, over: Callable[[], bool], limit: int = 7) -> list[str]:
    """Work as a run does until all phones have come and nothing is due; returns what was claimed.

    What rests with nobody pending rests for ever: one wrong rest loses its sessions for good.
    """
    claimed: list[str] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        is_over = over()  # asked before looking, so that what came last is seen
        due = storage.streams.due(NOW, 10)
        if is_over and not due:
            return claimed
        for event in due:
            while True:
                if time.monotonic() > end:
                    raise TimeoutError("a stream never came to an end")
                read = storage.streams.read(event.stream_id)
                assert read is not None
                batch = take(
                    storage,
                    stream_id=read.stream_id,
                    revision=read.revision,
                    limit=limit,
                    lease=HOUR,
                )
                claimed += [session.session_id for session in batch]
                storage.sessions.settle([delivered(session, read.revision) for session in batch])
                if len(batch) < limit:
                    break
            rest_then_look(storage, [read], NOW, 1000 * HOUR)
        time.sleep(0.002)
    raise TimeoutError("the streams never came to rest")


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run each job in a thread of its own, all from the same moment; returns what they return."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait(PATIENCE)
        return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result() for future in [threads.submit(run, job) for job in jobs]]


# --- in a process of their own ---------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What became of a process."""

    job: str
    result: Any = None
    error: str | None = None


def process(
    reopen: Callable[[], Storage], job: Callable[..., Any], start: Any, told: Any, *arguments: Any
) -> None:
    """Open the storage, do the job from the same moment as all others, and tell what came of it.

    Where the storage cannot be opened nobody is kept waiting for this process.
    """
    try:
        storage = reopen()
        try:
            start.wait(PATIENCE)
            told.put(Told(job.__name__, job(storage, *arguments)))
        finally:
            storage.close()
    except BaseException:
        start.abort()
        told.put(Told(job.__name__, error=traceback.format_exc()))


def arrive_and_say_so(storage: Storage, crowd: Crowd, arrived: Any) -> list[str]:
    try:
        return arrive(storage, crowd)
    finally:
        arrived.release()


def deliver_until_all_arrived(storage: Storage, over: Any) -> list[str]:
    return deliver(storage, over.is_set)


def claim_for_ever(reopen: Callable[[], Storage], batch: int, told: Any) -> None:
    """Claim batch after batch and settle nothing: to be killed."""
    storage = reopen()
    while True:
        taken = take(storage, limit=batch, lease=LEASE)
        told.send([session.session_id for session in taken])


def claim_all(storage: Storage, limit: int) -> list[Session]:
    """Claim batch after batch until there is nothing left.

    Raises:
        AssertionError: A session was claimed twice under one lease: there would be no end.
    """
    claimed: dict[str, Session] = {}
    while batch := take(storage, limit=limit, lease=HOUR):
        twice = [session for session in batch if session.session_id in claimed]
        assert not twice, "a session was claimed again while its lease ran"
        claimed.update({session.session_id: session for session in batch})
    return list(claimed.values())
