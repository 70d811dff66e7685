"""A local APNs for each module, and an engine that pushes to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apples import Apples, two_apples

from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.simulator import LocalApns

from .engine import P, S, engine


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


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apples]:
    with two_apples(tmp_path_factory.mktemp("apples")) as apples:
        yield apples


@pytest.fixture
def apples(both: Apples) -> Apples:
    for apple in (both.production, both.sandbox):
        apple.clear()
        apple.answer_as_usual()
    both.made_for("production", P)
    both.made_for("sandbox", S)
    return both
