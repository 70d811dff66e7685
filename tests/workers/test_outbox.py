"""Who leaves a message never waits for the broker."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flask_allmine_liveactivity.dispatch import outbox
from flask_allmine_liveactivity.dispatch.outbox import Outbox, Send

from .stage import until


class Broker:
    """Takes messages, unless it is away or slow."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.connections = 0
        self.away = False
        self.breaks_at: str | None = None
        self.answers = threading.Event()
        self.answers.set()

    @contextmanager
    def connect(self) -> Iterator[Send]:
        self.answers.wait(20)
        if self.away:
            raise ConnectionError("amqp://guest:hunter2@broker refused")
        self.connections += 1
        yield self.send

    def send(self, message: str) -> None:
        if message == self.breaks_at:
            self.breaks_at = None
            raise ConnectionResetError
        self.taken.append(message)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.01)
    return Broker()


def test_messages_are_sent_in_order(broker: Broker) -> None:
    box = Outbox(broker.connect)
    for message in "abc":
        box.put(message)
    box.flush()
    assert broker.taken == ["a", "b", "c"]


def test_one_that_waits_already_is_sent_once(broker: Broker) -> None:
    broker.answers.clear()
    box = Outbox(broker.connect)
    for message in "abab":
        box.put(message)
    broker.answers.set()
    box.flush()
    assert broker.taken == ["a", "b"]
    assert broker.connections == 1


def test_one_that_is_left_again_after_it_was_sent_is_sent_again(broker: Broker) -> None:
    box = Outbox(broker.connect)
    for _ in range(2):
        box.put("a")
        box.flush()
    assert broker.taken == ["a", "a"]


def test_what_failed_is_sent_when_the_broker_is_back(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.away = True
    box = Outbox(broker.connect)
    with caplog.at_level(logging.WARNING):
        box.put("a")
        assert until(lambda: caplog.records)
        box.flush()  # does not wait for a broker that is away
        assert not broker.taken
        broker.away = False
        assert until(lambda: broker.taken == ["a"])
    (record,) = caplog.records  # said once, whatever the number of attempts
    assert "ConnectionError" in record.getMessage()
    assert "hunter2" not in caplog.text


def test_a_connection_that_breaks_loses_and_doubles_nothing(broker: Broker) -> None:
    broker.breaks_at = "b"
    box = Outbox(broker.connect)
    for message in "abc":
        box.put(message)
    assert until(lambda: len(broker.taken) == 3)
    assert broker.taken == ["a", "b", "c"]
    assert broker.connections >= 2


def test_it_does_not_grow_without_end(broker: Broker) -> None:
    broker.answers.clear()
    box = Outbox(broker.connect)
    for number in range(outbox.MOST + 10):
        box.put(str(number))
    broker.answers.set()
    box.flush()
    assert len(broker.taken) == outbox.MOST


def test_without_a_thread_nothing_fails(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    box = Outbox(broker.connect)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        box.put("a")
    box.put("b")
    box.flush()
    assert broker.taken == ["a", "b"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_does_not_wait_for_its_parents_messages(broker: Broker) -> None:
    broker.answers.clear()
    box = Outbox(broker.connect)
    box.put("a")
    child = os.fork()
    if not child:
        box.flush()  # would wait for a thread that it has not
        os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    broker.answers.set()
    box.flush()
    assert broker.taken == ["a"]
