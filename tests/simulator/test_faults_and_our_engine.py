"""Faults on demand, met by the package's own engine: no push is lost, and it goes on after each."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from push.engine import TOKEN, a_push, a_token, engine, pushes, send_one

from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.push.apns.connection import FEW_RESETS
from flask_allmine_liveactivity.simulator import Answer, LocalApns

ANSWER_TIMEOUT = "flask_allmine_liveactivity.push.apns.connection.ANSWER_TIMEOUT"
DELIVERED, UNREACHABLE, RETRY = Verdict.DELIVERED, Verdict.UNREACHABLE, Verdict.RETRY


@pytest.fixture
def push(apns: LocalApns) -> Iterator[ApnsPush]:
    """An engine whose connection is warm."""
    with engine(apns) as push:
        assert send_one(push).verdict is DELIVERED
        apns.clear()
        yield push


def verdicts(push: ApnsPush, count: int) -> Counter[Verdict]:
    results = list(push.send(pushes(count)))
    assert len({result.push.token for result in results}) == len(results) == count
    return Counter(result.verdict for result in results)


def test_refused(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer_next(1, Answer.too_many_requests(30))
    result = send_one(push)
    assert (result.verdict, result.reason, result.retry_after) == (RETRY, "TooManyRequests", 30)
    assert send_one(push).verdict is DELIVERED


def test_refused_with_503_and_retry_after(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer_all(Answer.unavailable(retry_after=7))
    result = send_one(push)
    assert (result.verdict, result.status, result.retry_after) == (RETRY, 503, 7)
    apns.answer_all(None)
    assert send_one(push).verdict is DELIVERED


def test_delayed(apns: LocalApns, push: ApnsPush) -> None:
    apns.delay(0.3)
    assert verdicts(push, 20) == {DELIVERED: 20}


def test_delayed_with_as_many_under_way_as_it_allows(apns: LocalApns, push: ApnsPush) -> None:
    apns.delay(0.5)
    assert verdicts(push, 2500) == {DELIVERED: 2500}
    assert len({received.client for received in apns.accepted}) == 1


@pytest.mark.parametrize(
    "fault",
    [Answer.reset(), Answer.cut(), Answer.goaway()],
    ids=["reset", "cut", "goaway"],
)
def test_one_push_meets(apns: LocalApns, push: ApnsPush, fault: Answer) -> None:
    apns.answer(a_token(10), fault)
    result = verdicts(push, 40)
    assert set(result) <= {DELIVERED, UNREACHABLE, RETRY}
    assert result[DELIVERED] == len({received.token for received in apns.accepted})
    assert verdicts(push, 40) == {DELIVERED: 40}


def test_a_push_that_is_reset_is_sent_once_more(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(a_token(10), Answer.reset())
    assert verdicts(push, 40) == {DELIVERED: 40}


def test_a_second_reset_costs_one_push_and_not_the_connection(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.answer(a_token(10), Answer.reset(), Answer.reset())
    assert verdicts(push, 40) == {DELIVERED: 39, RETRY: 1}
    assert len({received.client for received in apns.received}) == 1


def test_resets_one_after_the_other_are_no_fault_of_the_pushes(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.answer_all(Answer.reset())
    assert verdicts(push, 10) == {RETRY: FEW_RESETS, UNREACHABLE: 10 - FEW_RESETS}


@pytest.mark.parametrize(
    "fault",
    [
        lambda apns: apns.faults.goaway(),
        lambda apns: apns.faults.cut(),
        lambda apns: apns.faults.idle(),
    ],
    ids=["goaway", "cut", "idle"],
)
def test_while_idle_its_connection_meets(
    apns: LocalApns, push: ApnsPush, fault: Callable[[LocalApns], int]
) -> None:
    assert fault(apns) >= 1
    assert send_one(push).verdict is DELIVERED
    (accepted,) = apns.accepted
    assert verdicts(push, 40) == {DELIVERED: 40}
    assert {received.client for received in apns.accepted} == {accepted.client}


def test_a_goaway_in_mid_run(apns: LocalApns, push: ApnsPush) -> None:
    apns.delay(0.02)
    results = push.send(pushes(300))
    taken = [next(results) for _ in range(30)]
    apns.faults.goaway()
    taken += results
    assert {result.verdict for result in taken} <= {DELIVERED, UNREACHABLE}
    assert len({result.push.token for result in taken}) == 300
    assert len({received.client for received in apns.accepted}) == 2


def test_half_open(apns: LocalApns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ANSWER_TIMEOUT, 1)
    with engine(apns) as push:
        assert verdicts(push, 3) == {DELIVERED: 3}
        apns.faults.half_open = True
        assert verdicts(push, 3) == {UNREACHABLE: 3}
        apns.faults.half_open = False
        assert verdicts(push, 3) == {DELIVERED: 3}
    assert len({received.client for received in apns.received}) == 2


def test_one_stream_only(apns: LocalApns, push: ApnsPush) -> None:
    apns.faults.one_stream = True
    assert verdicts(push, 60) == {DELIVERED: 60}
    assert len({received.client for received in apns.accepted}) == 1


def test_a_server_that_goes_down_and_comes_back(apns: LocalApns, push: ApnsPush) -> None:
    apns.go_down()
    try:
        assert send_one(push).verdict is UNREACHABLE
    finally:
        apns.come_back()
    assert verdicts(push, 20) == {DELIVERED: 20}


def test_a_connection_that_is_ended_for_its_bad_tokens() -> None:
    with LocalApns(bad_tokens_until_goaway=3) as apns, engine(apns) as push:
        for number in range(5, 40, 5):
            apns.tokens_of_other_environment.add(a_token(number))
        result = verdicts(push, 60)
        assert result[Verdict.REJECTED] >= 3
        assert set(result) <= {DELIVERED, Verdict.REJECTED, UNREACHABLE}
        assert result[DELIVERED] == len(apns.accepted)
        assert send_one(push).verdict is DELIVERED


def test_by_the_letter_of_the_rule_for_provider_tokens_it_is_served() -> None:
    with LocalApns(token_updates=1) as apns, engine(apns, connections=2) as push:
        assert verdicts(push, 40) == {DELIVERED: 40}
        apns.go_down()
        apns.come_back()
        assert verdicts(push, 40) == {DELIVERED: 40}
        assert len({received.provider_token for received in apns.accepted}) == 1


def test_too_many_pushes_in_a_row_to_one_token() -> None:
    with LocalApns(pushes_in_a_row=2) as apns, engine(apns) as push:
        results = [send_one(push, a_push(a_token(1))).verdict for _ in range(3)]
        assert results == [DELIVERED, DELIVERED, RETRY]
        assert send_one(push, a_push(a_token(2))).verdict is DELIVERED
        assert send_one(push, a_push(a_token(1))).verdict is DELIVERED


def test_at_debug_no_library_logs_a_token_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with LocalApns() as apns, engine(apns) as push:
        apns.answer(TOKEN, Answer.gone(time.time()), Answer.unavailable())
        for _ in range(3):
            send_one(push)
        provider_token = apns.received[0].provider_token or ""
        log = "\n".join(record.getMessage() for record in caplog.records)
    assert "410 Unregistered" in log
    assert TOKEN not in log
    assert provider_token not in log
