"""``PushBackend.send`` where every push is accepted."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.testing.push_contract.pushes import Drawn, a_push, some_pushes

PATIENCE = 60.0
"""Seconds after which a thread gives up."""


class PushContract:
    """What every push backend must do where the push service accepts everything.

    Give the fixture ``push``: a backend that sends to a server of yours which accepts all. Its
    pushes go to made-up tokens of 160 hex digits.

    .. versionadded:: 0.1.0
    """

    most_in_flight = 2000
    """How many pushes the backend may have drawn whose results it has not yielded. Apple allows a
    connection 1,500 at the most."""

    def test_a_push_is_delivered(self, push: PushBackend) -> None:
        (result,) = push.send([a_push()])
        assert result.verdict is Verdict.DELIVERED, f"{result.verdict}: {result.reason}"

    def test_nothing_to_send_has_no_results(self, push: PushBackend) -> None:
        assert list(push.send([])) == []

    def test_each_push_has_one_result_in_any_order(self, push: PushBackend) -> None:
        sent = some_pushes(250)
        results = list(push.send(sent))
        counted = Counter(result.push.apns_id for result in results)
        assert counted == {each.apns_id: 1 for each in sent}, "one result for each push"
        refused = [result.reason for result in results if result.verdict is not Verdict.DELIVERED]
        assert refused == [], "accepted pushes were not delivered"

    def test_a_result_carries_the_push_that_it_was_given(self, push: PushBackend) -> None:
        """What settles a result looks into its ``push.session``: it must be the very one."""
        sent = some_pushes(20)
        by_id = {each.apns_id: each for each in sent}
        for result in push.send(sent):
            assert result.push is by_id[result.push.apns_id], "a copy, or another's push"

    def test_it_sends_again_after_it_has_sent(self, push: PushBackend) -> None:
        for first in (1, 1000):
            results = list(push.send(some_pushes(5, first=first)))
            assert [result.verdict for result in results] == [Verdict.DELIVERED] * 5

    def test_pushes_may_come_from_a_generator(self, push: PushBackend) -> None:
        assert len(list(push.send(each for each in some_pushes(5)))) == 5

    # --- no more at a time than there is room for ----------------------------------------------

    def test_an_audience_without_end_is_drawn_only_as_fast_as_it_is_sent(
        self, push: PushBackend
    ) -> None:
        """What is drawn has been claimed from storage, and an audience may be a million."""
        drawn = Drawn()
        results = push.send(drawn)
        for taken in range(1, 500):
            next(results)
            ahead = drawn.count - taken
            assert ahead <= self.most_in_flight, f"{ahead} pushes drawn ahead of their results"
        close(results)

    def test_a_consumer_may_stop_in_the_middle(self, push: PushBackend) -> None:
        drawn = Drawn()
        results = push.send(drawn)
        next(results)
        close(results)
        before = drawn.count
        assert list(results) == [], "results came after the end"
        assert drawn.count == before, "pushes were drawn after the end"

    def test_what_was_abandoned_has_no_part_in_the_next_call(self, push: PushBackend) -> None:
        results = push.send(Drawn())
        next(results)
        close(results)
        sent = some_pushes(20, first=1_000_000)
        again = {result.push.apns_id for result in push.send(sent)}
        assert again == {each.apns_id for each in sent}, "results of the call before"

    def test_an_error_of_the_source_reaches_the_caller(self, push: PushBackend) -> None:
        """Pushes are claimed while they are drawn: the storage may fail in the middle."""

        def failing() -> Iterator[Push]:
            yield from some_pushes(3)
            raise LookupError("the storage has failed")

        with pytest.raises(LookupError):
            list(push.send(failing()))

    def test_it_sends_again_after_an_error_of_the_source(self, push: PushBackend) -> None:
        def failing() -> Iterator[Push]:
            yield from some_pushes(3)
            raise LookupError("the storage has failed")

        with pytest.raises(LookupError):
            list(push.send(failing()))
        (result,) = push.send([a_push(77)])
        assert result.verdict is Verdict.DELIVERED
        assert result.push.token == a_push(77).token

    # --- several at once -----------------------------------------------------------------------

    def test_four_threads_may_send_at_once(self, push: PushBackend) -> None:
        start = threading.Barrier(4)

        def send(number: int) -> list[PushResult]:
            start.wait(PATIENCE)
            return list(push.send(some_pushes(50, first=1 + 100 * number)))

        with ThreadPoolExecutor(4) as threads:
            results = [job.result() for job in [threads.submit(send, n) for n in range(4)]]
        for number, of_one in enumerate(results):
            tokens = {each.token for each in some_pushes(50, first=1 + 100 * number)}
            assert {result.push.token for result in of_one} == tokens, "another caller's results"
        verdicts = {result.verdict for result in itertools.chain(*results)}
        assert verdicts == {Verdict.DELIVERED}

    # --- secrets -------------------------------------------------------------------------------

    def test_no_token_is_logged(self, push: PushBackend, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        sent = some_pushes(3)
        list(push.send(sent))
        assert not [each for each in sent if each.token in caplog.text], (
            "a device token is in the log: Session.fingerprint is its short name"
        )

    def test_no_token_is_in_its_repr(self, push: PushBackend) -> None:
        one = a_push()
        list(push.send([one]))
        assert one.token not in repr(push)


def close(results: Iterator[PushResult]) -> None:
    """Stop, as a run does that is told to."""
    stop = getattr(results, "close", None)
    if stop is not None:
        stop()
