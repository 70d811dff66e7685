"""Once Apple answers again, no phone that is on shows a countdown of a stream that has ended; no
phone ever loses one that has not; and no token is pushed to for another activity.

A counterexample that Hypothesis finds becomes a plain test in ``test_found.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import services
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model import storages
from model.machine import LiveActivityMachine

# In CI the same examples each time: a build is not to fail by chance.
SETTINGS = settings(
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=list(HealthCheck),
    stateful_step_count=10,
    print_blob=True,
)


# To shrink what was found takes minutes: SHRINK=1 does it.
SHRINK = os.environ.get("SHRINK") == "1"


def drive(
    opener: storages.Opener,
    examples: int,
    kind: type[LiveActivityMachine] = LiveActivityMachine,
) -> None:
    """Drive a machine over a storage."""
    machine = type("Machine", (kind,), {"open_storage": staticmethod(opener)})
    phases = tuple(Phase) if SHRINK else (Phase.reuse, Phase.generate)
    run_state_machine_as_test(
        machine, settings=settings(SETTINGS, max_examples=examples, phases=phases)
    )


def test_over_memory() -> None:
    drive(storages.memory, 1000)


def test_over_sqlite(tmp_path: Path) -> None:
    with storages.sql(f"sqlite:///{tmp_path}/live_activity.db") as opener:
        drive(opener, 250)


def test_over_postgresql() -> None:
    # The SQL is SQLite's, which has had all examples.
    with services.postgresql() as uri, storages.sql(uri) as opener:
        drive(opener, 100)


def test_over_the_mongodb_wire() -> None:
    with storages.mongodb() as opener:
        drive(opener, 80)
