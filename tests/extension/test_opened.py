"""What has been opened for an app is closed, the last first, in the process that opened it."""

from __future__ import annotations

import os
import threading

import pytest

from flask_allmine_liveactivity.process.opened import Opened

from .apps import until


def test_the_last_is_closed_first_and_each_once() -> None:
    opened, closed = Opened(), []
    for name in "abc":
        opened.add(lambda name=name: closed.append(name))  # type: ignore[misc]
    opened.close()
    opened.close()
    assert closed == ["c", "b", "a"]
    assert not opened


def test_soon_is_in_another_thread_even_while_a_lock_is_held() -> None:
    opened, lock, closed = Opened(), threading.Lock(), threading.Event()

    def close() -> None:
        with lock:
            closed.set()

    opened.add(close)
    with lock:
        opened.close_soon()
        assert not closed.is_set()
    assert closed.wait(20)


def test_what_is_opened_when_the_app_has_gone_is_closed_too() -> None:
    opened, closed = Opened(), threading.Event()
    opened.close_soon()
    opened.add(closed.set)
    assert closed.wait(20)


def test_one_that_cannot_be_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("the disk is gone")

    opened = Opened()
    opened.add(fail)
    opened.close_soon()
    assert until(lambda: "the disk is gone" in caplog.text)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_closes_nothing_of_its_parents() -> None:
    opened, closed = Opened(), []
    opened.add(lambda: closed.append("the parent's"))
    child = os.fork()
    if not child:
        opened.close()
        os._exit(len(closed))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    opened.close()
    assert closed == ["the parent's"]
