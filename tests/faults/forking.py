"""Hosts that fork, to be run: ``python -m faults.forking HOW``."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time

from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.model import StreamState

from .audience import STREAM
from .host import make_host
from .hosts import sockets, take, wait_until_told

EACH = 20
"""So many phones are late for each process."""
CHILDREN = 4


def after_first_use() -> None:
    """The parent tells, then a child tells and ends, then the parent again."""
    installation = installed_on(make_host())
    installation.notify(STREAM, StreamState.READY)
    wait_until_told(installation)
    before = sockets()
    child = os.fork()
    if not child:
        _tell(installation, 1)
        sys.exit()  # with all that an interpreter tears down at its end
    assert os.waitpid(child, 0)[1] == 0
    assert before <= sockets(), "the child has disturbed the connections of its parent"
    _tell(installation, 2)
    assert before <= sockets(), "the parent had to connect again"


def _tell(installation: Installation, place: int) -> None:
    for number in late(place):
        take(installation, number)
    wait_until_told(installation)


def late(place: int) -> range:
    """The numbers of the phones that are late for the process of this place."""
    return range(100_000 * place, 100_000 * place + EACH)


def in_the_midst() -> None:
    """While the parent is at a fan-out, children are forked that tell, too."""
    installation = installed_on(make_host())
    installation.notify(STREAM, StreamState.READY)
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_tell, args=(installation, n + 1)) for n in range(CHILDREN)]
    for child in children:
        # Each at another moment of the fan-out.
        time.sleep(random.uniform(0.05, 0.2))
        child.start()
    wait_until_told(installation)
    for child in children:
        child.join(40)
        assert child.exitcode == 0, f"a child ended with {child.exitcode}"
    assert installation.parts.storage.streams.read(STREAM) is not None


if __name__ == "__main__":
    {"after_first_use": after_first_use, "in_the_midst": in_the_midst}[sys.argv[1]]()
