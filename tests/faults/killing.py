"""Workers that are killed at random moments, and others that take their places."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from .audience import until
from .crowds import Crowd
from .nursery import a_young_worker
from .processes import a_worker

# What a worker claims at a time, and may have in flight: small, so that much happens.
BATCH = 20
IN_FLIGHT = 10
# What one that is killed may have pushed without a word in the database: what is in flight, what
# waits to be settled, and what is being settled.
UNSETTLED = 2 * BATCH + IN_FLIGHT
# In seconds. Longer than a worker on a busy machine is at a batch: what it holds is not taken.
LEASE = 6
# Until a worker delivers, in seconds, on a quick machine.
START_UP = 0.7


@dataclass
class Killing:
    """Keeps workers at work on a fan-out, and kills one after the other.

    Args:
        crowd: Whom they tell.
        config: Theirs.
        output: Where they say what they have to say.
        chance: Draws the moments.
        progress: One of those at work is killed after one to so many more were told.
    """

    crowd: Crowd
    config: dict[str, Any]
    output: Path
    chance: random.Random
    progress: int = 40
    kills: Counter[str] = field(default_factory=Counter)
    workers: list[ForkServerProcess] = field(default_factory=list)
    _started: int = 0

    def start_one(self) -> None:
        self._started += 1
        name = f"worker-{self._started}"
        worker = a_young_worker(self.config, self.output, name)
        self.workers.append(worker)

    def kill(self, worker: ForkServerProcess, moment: str) -> None:
        """SIGKILL; it must have been alive, or there was nothing to survive."""
        assert worker.is_alive(), self.output.read_text()
        worker.kill()
        worker.join()
        worker.close()
        self.workers.remove(worker)
        self.kills[moment] += 1

    def in_its_start(self) -> None:
        """One that has just been started, in addition to those at work."""
        with a_worker(self.config, self.output) as worker:
            # At any moment, also those of which it says nothing.
            time.sleep(self.chance.uniform(0, START_UP))
            assert worker.poll() is None, self.output.read_text()
        self.kills["in its start"] += 1

    def at_work(self) -> None:
        """One of the older ones, after some more have been told."""
        self.crowd.wait_for_pushes(self.chance.randint(1, self.progress))
        time.sleep(self.chance.uniform(0, 0.05))  # at any moment of a batch
        self.kill(self.chance.choice(self.workers[:-1]), "at work")
        self.start_one()

    def in_claim(self) -> None:
        """One whose claim is with the database, which does it after its death, if ever."""
        self._in_statement("UPDATE live_activity_waiting SET claim_id%", "in a claim")

    def in_settlement(self) -> None:
        """One whose settlement is with the database."""
        self._in_statement("UPDATE live_activity_sessions SET status%", "in a settlement")

    def _in_statement(self, statement: str, moment: str) -> None:
        with _statements_wait(self.crowd.uri) as waiting:
            found: list[ForkServerProcess] = []

            def somebody_waits() -> bool:
                names = waiting(statement)
                found[:] = [worker for worker in self.workers if worker.name in names]
                return bool(found)

            # Where all of them wait for another statement: let them, and try again.
            if not until(somebody_waits, 0.5):
                return
            self.kill(found[0], moment)
        self.start_one()

    def dismiss_all(self) -> None:
        """SIGTERM: each says good-bye."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.join(20)
            assert worker.exitcode == 0, self.output.read_text()

    def stop_all(self) -> None:
        """At the end, by whatever it has come about."""
        for worker in self.workers:
            worker.kill()
            worker.join()


@contextmanager
def _statements_wait(uri: str) -> Iterator[Callable[[str], set[str]]]:
    """On PostgreSQL, let whatever changes a session wait; who waits with which statement?"""
    engine = create_engine(uri)
    who = text(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE :statement"
    )
    try:
        with engine.begin() as locking, engine.connect() as looking:
            tables = "live_activity_sessions, live_activity_waiting"
            locking.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))

            def waiting(statement: str) -> set[str]:
                names = set(looking.scalars(who, {"statement": statement}).all())
                looking.rollback()  # or it would see the same for ever
                return names

            yield waiting
    finally:
        engine.dispose()
