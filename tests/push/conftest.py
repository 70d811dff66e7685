"""A local APNs for each module, and an engine that pushes to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.simulator import LocalApns

from .engine import engine


@pytest.fixture(scope="module")
def shared_apns() -> Iterator[LocalApns]:
    with LocalApns() as apns:
        yield apns


@pytest.fixture
def apns(shared_apns: LocalApns) -> LocalApns:
    """A local APNs that has received nothing, and was told nothing."""
    shared_apns.clear()
    shared_apns.answer_as_usual()
    return shared_apns


@pytest.fixture
def push(apns: LocalApns) -> Iterator[ApnsPush]:
    with engine(apns) as made:
        yield made
