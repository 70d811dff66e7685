"""Hosts that fork after delivery was used, or while it is under way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.simulator import LocalApns

from .audience import a_token
from .crowds import Crowd, a_crowd, sqlite_in
from .forking import CHILDREN, EACH, late
from .killing import BATCH, IN_FLIGHT, LEASE, UNSETTLED
from .processes import process

SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": lambda: nullcontext(""),
    "postgresql": services.postgresql,
    "mariadb": services.mariadb,
    "mongodb": services.mongodb,
}


def uri_on(server: str, opened: str, folder: Path) -> str:
    return sqlite_in(folder) if server == "sqlite" else opened


def run(crowd: Crowd, how: str, output: Path, **config: object) -> None:
    """``faults.forking`` to its end, which must be a good one."""
    config = crowd.config(LIVE_ACTIVITY_DELIVERY="thread", **config)
    with process(sys.executable, "-m", "faults.forking", how, config=config, output=output) as it:
        assert it.wait(90) == 0, output.read_text()
    assert "Traceback" not in output.read_text(), output.read_text()


def expect_late(crowd: Crowd, place: int) -> set[str]:
    tokens = {a_token(number) for number in late(place)}
    crowd.audience.tokens |= tokens
    return tokens


@pytest.mark.parametrize("server", SERVERS)
def test_a_fork_after_first_use_disturbs_neither(server: str, tmp_path: Path) -> None:
    with (
        SERVERS[server]() as opened,
        LocalApns() as apns,
        a_crowd(uri_on(server, opened, tmp_path), apns, 40) as crowd,
    ):
        first = set(crowd.audience.tokens)
        by_child, by_parent = expect_late(crowd, 1), expect_late(crowd, 2)
        # Each tells only what it is woken for: so it shows who has told whom.
        run(crowd, "after_first_use", tmp_path / "output", LIVE_ACTIVITY_SWEEP_INTERVAL=60)
        crowd.audience.check()
        assert crowd.doubled == 0

        def connections(tokens: set[str]) -> set[tuple[str, int] | None]:
            return {received.client for received in apns.accepted if received.token in tokens}

        assert len(connections(first)) == len(connections(by_child)) == 1
        assert connections(by_parent) == connections(first) != connections(by_child)


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_forks_in_the_midst_of_a_fan_out(server: str, tmp_path: Path) -> None:
    with (
        SERVERS[server]() as opened,
        LocalApns(max_concurrent_streams=IN_FLIGHT) as apns,
        a_crowd(uri_on(server, opened, tmp_path), apns, 500) as crowd,
    ):
        for place in range(CHILDREN):
            expect_late(crowd, place + 1)
        apns.delay(0.02)
        run(
            crowd,
            "in_the_midst",
            tmp_path / "output",
            LIVE_ACTIVITY_BATCH_SIZE=BATCH,
            LIVE_ACTIVITY_LEASE=LEASE,
        )
        crowd.audience.check()
        assert len(crowd.audience.tokens) == 500 + CHILDREN * EACH
        # A child that is done ends as if it were killed, whatever it holds of the others.
        assert crowd.doubled <= CHILDREN * UNSETTLED
