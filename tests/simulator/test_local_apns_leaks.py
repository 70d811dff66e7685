"""It may run for days in a test suite or on a desk: nothing grows, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

import pytest
from push.engine import a_push, a_token, engine

from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.simulator import LocalApns, Received

from .running import threads
from .sender import Sender

KEPT = 50
HALF = 5_000


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.timeout(120)
def test_ten_thousand_pushes_leave_no_more_than_what_is_to_be_kept() -> None:
    """Each to a token of its own, over one connection; the second half adds next to nothing."""
    with LocalApns(keep=KEPT) as apns, engine(apns) as push:

        def send_half(first: int) -> int:
            numbers = range(first, first + HALF)
            results = push.send(a_push(a_token(number)) for number in numbers)
            assert {result.verdict for result in results} == {Verdict.DELIVERED}
            gc.collect()
            return sys.getallocatedblocks()

        after_half, after_all = send_half(1), send_half(1 + HALF)
        assert len(apns.received) == KEPT
        kept = [one for one in gc.get_objects() if type(one) is Received]
        assert len(kept) < KEPT + 1000  # the latest may still be in the hands of their tasks
        # h2 itself remembers which of the latest 65,536 streams of a connection are closed: two
        # objects for each. A record has more than ten.
        assert after_all - after_half < 6 * HALF
        apns.wait_for(2 * HALF, timeout=0)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_started_and_stopped_twenty_times_it_leaves_neither_threads_nor_sockets(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    def once(apns: LocalApns) -> None:
        apns.start()
        assert any(thread.name == f"local-apns-{apns.port}" for thread in threads())
        sender = new_sender(apns)
        assert sender.push().status_code == 200
        apns.stop()  # with the client's connection still open
        sender.client.close()

    apns = LocalApns()
    once(apns)  # what is made once and kept, such as the event loop's policy
    gc.collect()
    before, files = threads(), open_files()
    for _ in range(20):
        once(apns)
        once(LocalApns())
    gc.collect()
    assert threads() <= before
    assert open_files() <= files + 2  # what earlier tests began may open one of its own


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_clients_that_come_and_go_leave_no_sockets(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns() as apns:

        def come_and_go() -> None:
            sender = new_sender(apns)
            assert sender.push().status_code == 200
            sender.client.close()

        come_and_go()
        files = open_files()
        for _ in range(50):
            come_and_go()
        assert apns.faults.cut() <= 1  # the last one may not have been seen to end
        assert open_files() <= files + 2
