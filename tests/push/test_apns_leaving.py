"""What the engine hands back where a run is to end, and what it keeps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.source import PushSource
from flask_allmine_liveactivity.simulator import LocalApns

from .engine import a_push, a_token, engine, send_one

# How many Apple takes at a time, and how long it takes for one once it is slow, in seconds.
AT_APPLE = 10
SLOW = 1.0


class EndingRun:
    """A run without end, that is told to end."""

    def __init__(self) -> None:
        self.ends = False
        self.token: Callable[[int], str] = a_token
        self.drawn: list[Push] = []
        self.taken_back: list[Push] = []

    @property
    def source(self) -> PushSource:
        return PushSource(self._pushes, lambda: 0.0, lambda: self.ends, self.taken_back.extend)

    def _pushes(self) -> Iterator[Push]:
        for number in itertools.count(1):
            if self.ends:
                return
            self.drawn.append(a_push(self.token(number)))
            yield self.drawn[-1]


def ids(pushes: list[Push]) -> list[str]:
    return sorted(push.apns_id for push in pushes)


def end_in_the_midst(
    apns: LocalApns,
    act: Callable[[], object] = lambda: None,
    shortly_before: Callable[[], object] = lambda: None,
) -> tuple[EndingRun, list[PushResult]]:
    """A run that ends while far more are in flight than Apple takes, and what came of it."""
    run, results = EndingRun(), list[PushResult]()
    with engine(apns) as push:
        for result in push.send(run.source):
            results.append(result)
            if len(results) == 200 - AT_APPLE:
                shortly_before()
            if len(results) == 200:
                act()
                run.ends = True
        # The connection is well, and has nothing left of it.
        assert send_one(push).verdict is Verdict.DELIVERED
    return run, results


def test_what_waits_for_a_place_is_handed_back_and_not_sent() -> None:
    with LocalApns(max_concurrent_streams=AT_APPLE) as apns:
        run, results = end_in_the_midst(apns, lambda: apns.delay(SLOW))
        before = {received.token for received in apns.received[:-1]}
    assert len(run.taken_back) > AT_APPLE, "there was nothing to be handed back"
    assert not before & {push.token for push in run.taken_back}
    # Of what was sent each has its answer, and each that was drawn is one or the other.
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert ids([*run.taken_back, *(result.push for result in results)]) == ids(run.drawn)


def test_what_is_on_its_way_is_awaited() -> None:
    with LocalApns() as apns:
        run, results = end_in_the_midst(apns)
    assert ids([*run.taken_back, *(result.push for result in results)]) == ids(run.drawn)
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert len(apns.received) - 1 == len(results)


def test_what_would_be_sent_once_more_is_handed_back_instead() -> None:
    """The connection goes, with all that is on it."""

    def cut_soon() -> None:
        threading.Timer(SLOW / 4, apns.faults.cut).start()

    with LocalApns(max_concurrent_streams=AT_APPLE) as apns:
        # What is there when it ends has come to a slow Apple, and is still there then.
        run, results = end_in_the_midst(apns, cut_soon, lambda: apns.delay(SLOW))
        received = [each.token for each in apns.received]
    cut = set(received) & {push.token for push in run.taken_back}
    assert cut, "nothing was at Apple when it went"
    # One of them libcurl itself may have sent again, when the connection went.
    assert len(received) - len(set(received)) <= 1
    assert ids([*run.taken_back, *(result.push for result in results)]) == ids(run.drawn)


def test_a_run_that_goes_on_gets_nothing_back() -> None:
    with LocalApns(max_concurrent_streams=AT_APPLE) as apns:
        run = EndingRun()
        with engine(apns) as push:
            for _ in itertools.islice(push.send(run.source), 300):
                assert run.taken_back == []


def test_pushes_that_are_no_source_are_all_sent() -> None:
    with LocalApns(max_concurrent_streams=AT_APPLE) as apns, engine(apns) as push:
        sent = [a_push(a_token(number)) for number in range(200)]
        assert ids([result.push for result in push.send(sent)]) == ids(sent)
