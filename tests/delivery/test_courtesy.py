"""In a process that also delivers requests go first, and do not stop the delivery."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask, request_started
from flask.testing import FlaskClient

from flask_allmine_liveactivity.dispatch import courtesy
from flask_allmine_liveactivity.dispatch.courtesy import Courtesy
from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import STREAM, World, wait_until

FOR_EVER = 60.0


class Host:
    """An app with one slow page, and a fan-out that wants to go on."""

    def __init__(self) -> None:
        self.app = Flask("host")
        self.serving, self.served = threading.Event(), threading.Event()
        self.app.add_url_rule("/slow", view_func=self._slow)
        self.app.add_url_rule("/failing", view_func=self._failing)
        self.courtesy = Courtesy(self.app)
        self._threads: list[threading.Thread] = []

    def _slow(self) -> str:
        self.serving.set()
        assert self.served.wait(FOR_EVER)
        return ""

    def _failing(self) -> str:
        raise ZeroDivisionError

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def ask(self) -> None:
        """Ask for the slow page, and go on when it is being served."""
        self._run(lambda: self.client.get("/slow"))
        assert self.serving.wait(FOR_EVER)

    def step_aside(self) -> threading.Thread:
        return self._run(self.courtesy.step_aside)

    def _run(self, work: object) -> threading.Thread:
        thread = threading.Thread(target=work)  # type: ignore[arg-type]
        thread.start()
        self._threads.append(thread)
        return thread

    def close(self) -> None:
        self.served.set()
        for thread in self._threads:
            thread.join(FOR_EVER)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", FOR_EVER)
    host = Host()
    yield host
    host.close()


def goes_on(thread: threading.Thread, within: float = 30.0) -> bool:
    thread.join(within)
    return not thread.is_alive()


def test_it_waits_while_a_request_is_served(host: Host) -> None:
    host.ask()
    fan_out = host.step_aside()
    assert not goes_on(fan_out, within=0.3)
    host.served.set()
    assert goes_on(fan_out)


def test_without_a_request_it_goes_on(host: Host) -> None:
    assert goes_on(host.step_aside())
    host.client.get("/nothing-here")
    assert host.client.get("/failing").status_code == 500
    with host.app.test_request_context():  # none that anybody has sent
        pass
    assert goes_on(host.step_aside())


def test_it_does_not_wait_again_before_it_has_worked(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", 0.01)
    host.ask()
    assert goes_on(host.step_aside())
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", FOR_EVER)
    monkeypatch.setattr(courtesy, "LEAST_WORK", FOR_EVER)
    assert goes_on(host.step_aside())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_wait_for_its_parents_requests(host: Host) -> None:
    with host.app.test_request_context():
        request_started.send(host.app)
        child = os.fork()
        if not child:
            host.courtesy.step_aside()
            os._exit(0)
        until = time.monotonic() + 30
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < until:
            time.sleep(0.05)
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
        assert ended == (child, 0)


def test_a_process_that_is_never_without_a_request_delivers() -> None:
    host, world = Host(), World(MemoryStorage())
    dispatch = ThreadDispatch(lambda: world.delivery, 15.0, on_result=host.courtesy.step_aside)
    tokens = world.register_many(50)
    world.end()
    host.ask()
    dispatch.wake(STREAM)
    wait_until(lambda: sorted(world.told) == sorted(tokens))
    dispatch.close()
    host.close()
