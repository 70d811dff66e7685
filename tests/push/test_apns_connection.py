"""Connections: kept, reused, replaced; and pushes drawn only as fast as there is room."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from faults import sick
from faults.apple import Front

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.push.apns.connection import MAX_IN_FLIGHT
from flask_allmine_liveactivity.push.source import LOOK_AGAIN, PushSource
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .engine import TOKEN, a_push, a_token, engine, pushes, send_one


def ports(apns: LocalApns) -> list[tuple[str, int] | None]:
    """The connections of what came, in order."""
    return list(dict.fromkeys(received.client for received in apns.received))


class Source:
    """Pushes that count how many of them were drawn."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.drawn = 0

    def __iter__(self) -> Iterator[Push]:
        for number in range(self.count):
            self.drawn += 1
            yield a_push(a_token(number))


class SlowSource(Source):
    """As where the storage is slow: it takes a while to bring the next."""

    def __iter__(self) -> Iterator[Push]:
        for each in super().__iter__():
            # Longer than an answer takes: so it is slow to the engine.
            time.sleep(0.02)
            yield each


# --- reuse -----------------------------------------------------------------------------------


def test_many_pushes_go_over_one_connection(apns: LocalApns, push: ApnsPush) -> None:
    list(push.send(pushes(300)))
    assert len(ports(apns)) == 1


def test_a_second_call_finds_the_connection_warm(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    send_one(push)
    assert len(ports(apns)) == 1


def test_refusals_do_not_cost_the_connection(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer_next(20, Answer.bad_device_token())
    list(push.send(pushes(40)))
    assert len(ports(apns)) == 1


def test_sends_that_overlap_take_a_connection_each(apns: LocalApns) -> None:
    apns.delay(0.2)
    with engine(apns, connections=2) as push:
        in_threads(push, push)
    assert len(ports(apns)) == 2


def test_no_more_connections_than_there_may_be(apns: LocalApns) -> None:
    apns.delay(0.05)
    with engine(apns, connections=2) as push:
        in_threads(push, push, push, push)
    assert len(ports(apns)) == 2


def in_threads(*backends: ApnsPush, each: int = 20) -> list[Verdict]:
    verdicts: list[Verdict] = []

    def send(backend: ApnsPush, first: int) -> None:
        source = (a_push(a_token(first + number)) for number in range(each))
        verdicts.extend(result.verdict for result in backend.send(source))

    threads = [
        threading.Thread(target=send, args=(backend, number * each), daemon=True)
        for number, backend in enumerate(backends)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return verdicts


def test_threads_share_one_connection_by_turns(apns: LocalApns, push: ApnsPush) -> None:
    verdicts = in_threads(push, push, each=50)
    assert verdicts == [Verdict.DELIVERED] * 100
    assert len(ports(apns)) == 1


# --- how much is in flight -------------------------------------------------------------------


def test_nothing_is_drawn_before_the_results_are_asked_for(push: ApnsPush) -> None:
    source = Source(5)
    push.send(source)
    assert source.drawn == 0


def test_a_new_connection_begins_with_one_push(push: ApnsPush) -> None:
    source = Source(100)
    results = push.send(source)
    next(results)
    assert source.drawn == 1
    results.close()  # type: ignore[attr-defined]


def test_a_slow_server_gets_more_at_a_time_and_never_more_than_the_limit(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.delay(0.06)
    source = Source(2500)
    ahead = 0
    for done, _ in enumerate(push.send(source)):
        ahead = max(ahead, source.drawn - done)
    assert 100 < ahead <= MAX_IN_FLIGHT
    assert source.drawn == 2500


def test_a_quick_server_needs_few_in_flight(push: ApnsPush) -> None:
    source = Source(1000)
    ahead = max(source.drawn - done for done, _ in enumerate(push.send(source)))
    assert ahead <= MAX_IN_FLIGHT


def test_two_thousand_pushes_are_all_answered(apns: LocalApns, push: ApnsPush) -> None:
    sent = pushes(2000)
    results = list(push.send(iter(sent)))
    assert {result.push.token for result in results} == {one.token for one in sent}
    assert len(results) == len(apns.accepted) == 2000


def test_a_server_that_takes_one_at_a_time_gets_them_so() -> None:
    with LocalApns(max_concurrent_streams=1) as apns, engine(apns) as push:
        results = list(push.send(pushes(60)))
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 60


def test_no_pushes_are_no_results(apns: LocalApns, push: ApnsPush) -> None:
    assert list(push.send([])) == []
    assert apns.received == []


# --- given up early --------------------------------------------------------------------------


def test_who_stops_early_can_send_again(apns: LocalApns, push: ApnsPush) -> None:
    results = push.send(pushes(200))
    for _ in range(20):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert in_threads(push, each=10) == [Verdict.DELIVERED] * 10


def test_what_was_abandoned_yields_nothing_later(apns: LocalApns, push: ApnsPush) -> None:
    results = push.send(pushes(200))
    for _ in range(20):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert [result.push.token for result in push.send([a_push()])] == [TOKEN]


def test_a_source_that_fails_fails_the_call_and_not_the_engine(push: ApnsPush) -> None:
    def source() -> Iterator[Push]:
        yield a_push()
        raise OSError("the database is gone")

    with pytest.raises(OSError, match="database is gone"):
        list(push.send(source()))
    assert in_threads(push, each=5) == [Verdict.DELIVERED] * 5


# --- new connections -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [Answer(400, "IdleTimeout"), Answer(403, "UnrelatedKeyIdInToken")]
)
def test_what_only_concerns_the_connection_is_sent_again_on_a_new_one(
    apns: LocalApns, push: ApnsPush, answer: Answer
) -> None:
    send_one(push)
    apns.answer(TOKEN, answer)
    assert send_one(push).verdict is Verdict.DELIVERED
    first, refused, again = apns.received
    assert first.client == refused.client != again.client


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(400, "IdleTimeout"), Verdict.UNREACHABLE),
        (Answer(403, "UnrelatedKeyIdInToken"), Verdict.MISCONFIGURED),
    ],
)
def test_it_is_sent_again_once(
    apns: LocalApns, push: ApnsPush, answer: Answer, verdict: Verdict
) -> None:
    apns.answer_always(TOKEN, answer)
    result = send_one(push)
    assert (result.verdict, result.reason) == (verdict, answer.reason)
    assert len(apns.received) == 2


def test_those_in_flight_beside_it_are_all_answered(apns: LocalApns, push: ApnsPush) -> None:
    list(push.send(pushes(100)))  # there is room for many at a time now
    apns.answer(a_token(40), Answer(403, "UnrelatedKeyIdInToken"))
    results = list(push.send(pushes(80)))
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 80


def test_after_a_shutdown_the_next_push_has_a_new_connection(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.answer(TOKEN, Answer.shutdown())
    assert send_one(push).verdict is Verdict.RETRY
    assert send_one(push).verdict is Verdict.DELIVERED
    assert len(ports(apns)) == 2


def test_a_service_that_is_unavailable_keeps_its_connection(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    send_one(push)
    send_one(push)
    assert len(ports(apns)) == 1


# --- nobody there ----------------------------------------------------------------------------


def test_a_server_that_is_down_is_unreachable() -> None:
    with LocalApns() as apns, engine(apns) as push, apns.outage():
        result = send_one(push)
    assert (result.verdict, result.status) == (Verdict.UNREACHABLE, None)


def test_the_reason_names_the_fault_and_not_the_token() -> None:
    with LocalApns() as apns, engine(apns) as push, apns.outage():
        result = send_one(push)
    assert result.reason == "libcurl 7: couldnt connect"


def test_a_name_that_does_not_resolve_is_unreachable(apns: LocalApns) -> None:
    with engine(apns, url="https://nowhere.invalid") as push:
        result = send_one(push)
    assert result.verdict is Verdict.UNREACHABLE
    assert TOKEN not in (result.reason or "")


def test_a_certificate_that_is_not_trusted_is_for_a_person_to_mend(apns: LocalApns) -> None:
    with engine(apns, ca=None) as push:
        result = send_one(push)
    assert result.verdict is Verdict.MISCONFIGURED
    assert "peer failed verification" in (result.reason or "")


def test_an_untrusted_server_is_told_nothing(apns: LocalApns) -> None:
    with engine(apns, ca=None) as push:
        send_one(push)
    assert apns.received == []


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_allmine_liveactivity.push.apns.connection.ANSWER_TIMEOUT", 1)
    apns.delay(600)
    with engine(apns) as push:
        result = send_one(push)
    assert (result.verdict, result.reason) == (
        Verdict.UNREACHABLE,
        "libcurl 28: operation timedout",
    )


def test_a_server_that_leaves_early_and_often_keeps_nobody_from_being_told(
    apns: LocalApns,
) -> None:
    """Nobody is sent to one connection after the other that leaves before his turn comes."""
    with Front(apns) as front, engine(apns, url=front.url) as push:
        leaves = sick.leaves_after(10, front.taken_by_others)
        front.become(sick.over_tls(apns.ca_file.parent, leaves, "h2"))
        verdicts = Counter(result.verdict for result in push.send(pushes(500)))
        taken = Counter(front.taken_by_others)
    assert verdicts == {Verdict.DELIVERED: 500}
    assert len(taken) == taken.total() == 500


def test_who_waits_for_a_stream_in_vain_was_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_allmine_liveactivity.push.apns.connection.CONNECT_TIMEOUT", 1)
    monkeypatch.setattr("flask_allmine_liveactivity.push.apns.connection.ANSWER_TIMEOUT", 2)
    with LocalApns() as apns, engine(apns) as push:
        apns.faults.one_stream = True
        apns.delay(0.7)
        verdicts = {result.verdict for result in push.send(pushes(6))}
    assert verdicts == {Verdict.DELIVERED, Verdict.UNREACHABLE}


def test_after_an_outage_it_goes_on() -> None:
    with LocalApns() as apns, engine(apns) as push:
        before = send_one(push).verdict
        with apns.outage():
            during = send_one(push).verdict
        after = send_one(push).verdict
    assert (before, during, after) == (
        Verdict.DELIVERED,
        Verdict.UNREACHABLE,
        Verdict.DELIVERED,
    )


def test_a_connection_that_was_cut_while_idle_is_replaced_unnoticed() -> None:
    with LocalApns() as apns, engine(apns) as push:
        send_one(push)
        with apns.outage():
            pass
        assert send_one(push).verdict is Verdict.DELIVERED


def test_an_outage_in_mid_run_leaves_no_push_without_a_result() -> None:
    with LocalApns() as apns, engine(apns) as push:
        apns.delay(0.02)
        results = push.send(pushes(400))
        taken = [next(results) for _ in range(50)]
        with apns.outage():
            taken += [next(results) for _ in range(20)]
        taken += results
    assert len({result.push.token for result in taken}) == len(taken) == 400
    # How many are sent again on a connection that is answered goes by the moment.
    assert {result.verdict for result in taken} <= {Verdict.DELIVERED, Verdict.UNREACHABLE}


def test_a_slow_source_does_not_keep_what_is_in_flight_waiting(push: ApnsPush) -> None:
    """Its answers would run out of time while nobody reads them."""
    list(push.send(pushes(200)))  # now there is room for many
    source = SlowSource(80)
    drawn = [source.drawn for _ in push.send(source)]
    assert len(drawn) == 80
    assert drawn[0] < 40


def test_more_pushes_are_asked_for_while_answers_are_awaited(apns: LocalApns) -> None:
    results: list[PushResult] = []
    rounds = [[a_push(a_token(1))], [], [a_push(a_token(2))]]
    results_before: list[int] = []

    def pushes() -> Iterator[Push]:
        for push in rounds.pop(0) if rounds else []:
            results_before.append(len(results))
            yield push

    with engine(apns) as push:
        assert {result.verdict for result in push.send([a_push(a_token(n)) for n in range(5, 9)])}
        apns.delay(2)
        for result in push.send(PushSource(pushes, waited=lambda: LOOK_AGAIN)):
            results.append(result)
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 2
    assert results_before == [0, 0]


def test_what_is_there_from_the_beginning_is_sent_once(apns: LocalApns) -> None:
    apns.delay(1.2)
    with engine(apns) as push:
        assert len(list(push.send([a_push(a_token(1)), a_push(a_token(2))]))) == 2
    assert len(apns.received) == 2


def test_a_source_is_not_asked_again_at_once() -> None:
    looks = [0.0]
    source = PushSource(lambda: iter([a_push()]), waited=lambda: looks[-1])
    later = source.later()
    assert list(later) == []
    looks.append(LOOK_AGAIN)
    assert next(later, None) is None  # what has ended has ended
    assert len(list(source.later())) == 1
