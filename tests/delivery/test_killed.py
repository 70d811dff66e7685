"""A worker is killed in the midst, again and again: nobody is forgotten."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage

from .world import World, wait_until

AUDIENCE = 2000


@contextmanager
def worker(apns: LocalApns, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that delivers; killed with SIGKILL at the end of the block."""
    key = folder / "key.p8"
    key.write_text(apns.key_pem)
    script = str(Path(__file__).with_name("worker.py"))
    command = [sys.executable, script, str(folder), apns.url, str(apns.ca_file), str(key)]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_killed_in_the_midst_forgets_nobody(sqlite: Storage, tmp_path: Path) -> None:
    world = World(sqlite, clock=time.time)
    tokens = world.register_many(AUDIENCE)
    world.end()
    with LocalApns() as apns:
        for killed in range(1, 5):
            before = len(apns.accepted)
            with worker(apns, tmp_path):
                apns.wait_for(before + random.randint(50, 350), timeout=20)
            assert len({received.token for received in apns.accepted}) < AUDIENCE, killed
        with worker(apns, tmp_path):
            wait_until(lambda: sqlite.counts(time.time()).pending == 0, timeout=30)
        accepted = [received.token for received in apns.accepted]
    assert set(accepted) == set(tokens)
    assert world.statuses() == {SessionStatus.ENDED}
    # What was under way when a worker died is sent again, and nothing more: a batch and what
    # one settlement holds, for each of the four.
    assert len(accepted) <= AUDIENCE + 4 * 2 * 200
