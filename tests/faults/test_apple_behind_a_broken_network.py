"""The network to Apple breaks in the midst of a fan-out: with a word, and without one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .apple_stage import UNREACHABLE_IS_SAID, Stage, a_stage
from .audience import until
from .network import Network, a_network

PHONES = 1000
Broken = Callable[[Network], contextlib.AbstractContextManager[None]]


@pytest.fixture
def network() -> Iterator[Network]:
    with a_network() as network:
        yield network


@pytest.fixture
def stage(network: Network, tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES, apple=network.apple) as stage:
        stage.apns.delay(0.05)
        stage.audience.end()
        yield stage


@pytest.mark.parametrize("broken", [Network.without_a_cable, Network.losing_all])
def test_it_is(stage: Stage, network: Network, broken: Broken) -> None:
    server = {"LIVE_ACTIVITY_APNS_SERVER": stage.apns.url}
    with stage.worker(*network.inside, **server) as worker:
        stage.midst()
        with broken(network):
            stage.come_late()
            # What was on its way arrives yet; the worker's patience is short.
            assert until(lambda: UNREACHABLE_IS_SAID in stage.said, 20)
            assert stage.audience.pending
        stage.all_are_well(worker)
    assert stage.attempts() == {0}
    assert stage.said.count(UNREACHABLE_IS_SAID) == 1
