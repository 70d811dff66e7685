"""A local APNs, and those who push to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import Sender


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
def new_sender() -> Iterator[Callable[[LocalApns], Sender]]:
    """Makes senders, each with a connection of its own."""
    senders: list[Sender] = []

    def make(apns: LocalApns) -> Sender:
        senders.append(Sender(apns))
        return senders[-1]

    yield make
    for sender in senders:
        sender.client.close()


@pytest.fixture
def sender(apns: LocalApns, new_sender: Callable[[LocalApns], Sender]) -> Sender:
    return new_sender(apns)
