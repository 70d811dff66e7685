"""The `apns` engine with a key that Apple allows in one of its environments only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apples import Apples

from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.apns.environments import ApnsEnvironments
from flask_allmine_liveactivity.simulator import Answer

from .engine import P, S, a_push_to, a_token, by_token, send_one

WRONG_KEY = Answer(403, "BadEnvironmentKeyIdInToken")


@pytest.fixture
def push(apples: Apples) -> Iterator[ApnsEnvironments]:
    with apples.engine() as engine:
        yield engine


def test_a_key_for_production_takes_the_sandbox_out_of_use(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.sandbox.answer_all(WRONG_KEY)
    tokens = [a_token(number) for number in range(10, 30)]
    first = by_token(push.send([a_push_to(S, "sandbox")]))[S]
    assert (first.verdict, first.others_go_on) == (Verdict.MISCONFIGURED, True)
    results = by_token(
        push.send([*(a_push_to(S, "sandbox") for _ in range(20)), *map(a_push_to, tokens)])
    )
    assert results[S].verdict is Verdict.POSTPONED
    assert results[S].retry_after is not None
    assert results[S].retry_after >= 60
    assert {results[token].verdict for token in tokens} == {Verdict.DELIVERED}
    assert len(apples.sandbox.received) == 1


def test_where_the_sandbox_is_out_of_use_productions_word_stands(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.sandbox.answer_all(WRONG_KEY)
    for _ in range(2):  # at the first it is not known yet
        sent = a_push_to(S)
        result = send_one(push, sent)
        assert (result.verdict, result.reason) == (Verdict.REJECTED, "BadDeviceToken")
        assert (result.environment, sent.environment) == ("production", None)
    assert len(apples.sandbox.received) == 1


def test_with_a_key_for_the_sandbox_unknown_tokens_go_there(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.production.answer_all(WRONG_KEY)
    results = list(push.send([a_push_to(S), a_push_to(S), a_push_to(P), a_push_to(P)]))
    assert [result.verdict for result in results if result.push.token == S] == [
        Verdict.DELIVERED,
        Verdict.DELIVERED,
    ]
    assert {result.verdict for result in results if result.push.token == P} == {Verdict.REJECTED}
    before = len(apples.production.received)
    send_one(push, a_push_to(S))
    assert len(apples.production.received) == before


def test_with_a_key_for_the_sandbox_those_of_production_wait(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.production.answer_all(WRONG_KEY)
    for verdict in (Verdict.MISCONFIGURED, Verdict.POSTPONED):
        result = send_one(push, a_push_to(P, "production"))
        assert (result.verdict, result.others_go_on) == (verdict, True)
    assert apples.asked("sandbox") == []


def test_a_key_that_neither_takes_is_everybodys_obstacle(
    apples: Apples, push: ApnsEnvironments
) -> None:
    for apple in (apples.production, apples.sandbox):
        apple.answer_all(WRONG_KEY)
    send_one(push, a_push_to(P))
    result = send_one(push, a_push_to(P))
    assert (result.verdict, result.others_go_on) == (Verdict.MISCONFIGURED, False)
