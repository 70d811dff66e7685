"""The `apns` engine where tokens may be of either of Apple's environments, on two local Apples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apples import Apples, black_hole, two_apples

from flask_allmine_liveactivity.model import Push, Verdict
from flask_allmine_liveactivity.push.apns.environments import (
    BOGUS_TOKEN,
    MOST_POSTPONED,
    ApnsEnvironments,
)
from flask_allmine_liveactivity.push.apns.lane import AHEAD
from flask_allmine_liveactivity.simulator import Answer

from .engine import P, S, a_push, a_push_to, a_session, a_token, by_token, send_one


@pytest.fixture
def push(apples: Apples) -> Iterator[ApnsEnvironments]:
    with apples.engine() as engine:
        yield engine


# --- one push --------------------------------------------------------------------------------


def test_an_unknown_token_of_production_is_taken_there_at_the_first_try(
    apples: Apples, push: ApnsEnvironments
) -> None:
    result = send_one(push, a_push_to(P))
    assert (result.verdict, result.environment) == (Verdict.DELIVERED, "production")
    assert (apples.asked("production"), apples.asked("sandbox")) == ([P], [])


def test_an_unknown_token_that_production_refuses_is_tried_once_in_the_sandbox(
    apples: Apples, push: ApnsEnvironments
) -> None:
    sent = a_push_to(S)
    result = send_one(push, sent)
    assert (result.verdict, result.environment) == (Verdict.DELIVERED, "sandbox")
    assert result.push is sent
    assert (apples.asked("production"), apples.asked("sandbox")) == ([S], [S])


@pytest.mark.parametrize(("environment", "token"), [("sandbox", S), ("production", P)])
def test_a_token_that_is_known_is_tried_in_its_environment_alone(
    apples: Apples, push: ApnsEnvironments, environment: str, token: str
) -> None:
    result = send_one(push, a_push_to(token, environment))
    assert (result.verdict, result.environment) == (Verdict.DELIVERED, environment)
    assert len(apples.production.received) + len(apples.sandbox.received) == 1


@pytest.mark.parametrize(("said", "token"), [("sandbox", P), ("production", S)])
def test_whoever_said_the_wrong_one_is_told_in_the_other(
    apples: Apples, push: ApnsEnvironments, said: str, token: str
) -> None:
    other = "production" if said == "sandbox" else "sandbox"
    result = send_one(push, a_push_to(token, said))
    assert (result.verdict, result.environment) == (Verdict.DELIVERED, other)


@pytest.mark.parametrize("said", [None, "sandbox", "production", "of-tomorrow"])
def test_what_both_refuse_is_a_bad_token_of_nowhere_and_is_tried_twice(
    apples: Apples, push: ApnsEnvironments, said: str | None
) -> None:
    apples.made_for("sandbox", P)
    sent = a_push_to(P, said)
    result = send_one(push, sent)
    assert (result.verdict, result.reason) == (Verdict.REJECTED, "BadDeviceToken")
    assert sent.environment == said, "nothing was learned"
    assert (apples.asked("production"), apples.asked("sandbox")) == ([P], [P])


def test_what_the_sandbox_says_at_the_second_try_is_the_result(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.sandbox.answer(S, Answer.too_many_requests(retry_after=7))
    sent = a_push_to(S)
    result = send_one(push, sent)
    assert (result.verdict, result.reason) == (Verdict.RETRY, "TooManyRequests")
    assert sent.environment == "sandbox", "production has refused it"


def test_a_push_for_nobody_tries_the_environment_that_it_names(
    apples: Apples, push: ApnsEnvironments
) -> None:
    for environment in push.environments:
        result = send_one(push, a_push(BOGUS_TOKEN, target=None, environment=environment))
        assert (result.reason, result.environment) == ("BadDeviceToken", environment)
    assert len(apples.production.received) == len(apples.sandbox.received) == 1


def test_a_mixed_audience_is_told_in_one_run_each_once(
    apples: Apples, push: ApnsEnvironments
) -> None:
    tokens = [a_token(number) for number in range(1, 1201)]
    apples.made_for("production", *tokens[::2])
    apples.made_for("sandbox", *tokens[1::2])
    production_refuses = set(tokens[1::2])
    results = list(push.send(a_push_to(token) for token in tokens))
    assert len(results) == 1200
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert apples.told("production") == set(tokens[::2])
    assert apples.told("sandbox") == production_refuses


# --- one of them does not answer -------------------------------------------------------------


def test_a_sandbox_that_is_a_black_hole_keeps_no_production_phone_waiting(
    apples: Apples,
) -> None:
    production = [a_token(number) for number in range(10, 400)]
    mixed = [
        each
        for number, token in enumerate(production)
        for each in (a_push_to(a_token(5000 + number), "sandbox"), a_push_to(token))
    ]
    with black_hole() as url, apples.engine(sandbox=url) as push:
        results = push.send(mixed)
        for result in results:
            assert result.verdict is not Verdict.UNREACHABLE, "production had to wait for it"
            if apples.told("production") == set(production):
                break
        results.close()  # type: ignore[attr-defined]
    assert apples.told("production") == set(production)
    assert len(production) > 3 * AHEAD, "more than may wait in line"


def test_what_is_in_line_for_a_sandbox_that_refuses_connections_is_postponed(
    apples: Apples, push: ApnsEnvironments
) -> None:
    sandbox = [a_push_to(a_token(5000 + number), "sandbox") for number in range(50)]
    with apples.sandbox.outage():
        results = by_token(push.send([*sandbox, a_push_to(P)]))
    assert results[P].verdict is Verdict.DELIVERED
    of_sandbox = [results[each.token] for each in sandbox]
    assert {each.others_go_on for each in of_sandbox} == {True}
    assert [each.verdict for each in of_sandbox].count(Verdict.UNREACHABLE) == 2
    assert {each.verdict for each in of_sandbox} == {Verdict.UNREACHABLE, Verdict.POSTPONED}
    assert all(each.retry_after and each.retry_after >= 5 for each in of_sandbox)


def test_a_token_that_production_refuses_is_the_sandboxs_while_that_does_not_answer(
    apples: Apples, push: ApnsEnvironments
) -> None:
    with apples.sandbox.outage():
        sent = [a_push_to(S) for _ in range(3)]
        results = [send_one(push, each) for each in sent]
    assert {result.others_go_on for result in results} == {True}
    assert results[2].verdict is Verdict.POSTPONED
    assert {each.environment for each in sent} == {"sandbox"}


def test_the_sandbox_is_used_again_when_it_answers(apples: Apples) -> None:
    with apples.engine() as push:
        with apples.sandbox.outage():
            send_one(push, a_push_to(S, "sandbox"))
        until = time.monotonic() + 20.0
        while send_one(push, a_push_to(S, "sandbox")).verdict is not Verdict.DELIVERED:
            assert time.monotonic() < until, "it is still out of use"
            time.sleep(0.05)
        assert send_one(push, a_push_to(S, "sandbox")).verdict is Verdict.DELIVERED


def test_a_push_for_nobody_tries_an_environment_that_is_out_of_use(
    apples: Apples, push: ApnsEnvironments
) -> None:
    with apples.sandbox.outage():
        for _ in range(3):
            send_one(push, a_push_to(S, "sandbox"))
    result = send_one(push, a_push(BOGUS_TOKEN, target=None, environment="sandbox"))
    assert result.reason == "BadDeviceToken"


def test_production_that_does_not_answer_stops_the_run_where_the_sandbox_is_silent_too(
    apples: Apples, push: ApnsEnvironments
) -> None:
    with apples.production.outage(), apples.sandbox.outage():
        results = [send_one(push, a_push_to(P)) for _ in range(2)]
    assert {(each.verdict, each.others_go_on) for each in results} == {(Verdict.UNREACHABLE, False)}


def test_while_production_does_not_answer_the_sandbox_is_asked_and_then_goes_on(
    apples: Apples, push: ApnsEnvironments
) -> None:
    with apples.production.outage():
        first = send_one(push, a_push_to(P))
        assert (first.verdict, first.others_go_on) == (Verdict.UNREACHABLE, False)
        assert apples.asked("sandbox") == [BOGUS_TOKEN]
        results = by_token(push.send([a_push_to(P), a_push_to(S, "sandbox")]))
    assert results[P].others_go_on
    assert results[S].verdict is Verdict.DELIVERED


def test_no_more_than_a_few_thousand_are_postponed_in_a_run(
    apples: Apples, push: ApnsEnvironments
) -> None:
    with apples.production.outage():
        for _ in range(2):
            send_one(push, a_push_to(P))
        results = push.send(
            a_push_to(a_token(number), "production") for number in range(1, 10_000_000)
        )
        postponed = 0
        for result in results:
            if not result.others_go_on:
                break
            postponed += 1
        results.close()  # type: ignore[attr-defined]
    assert postponed == MOST_POSTPONED


@pytest.mark.parametrize("reason", ["InvalidProviderToken", "Forbidden"])
def test_a_misconfigured_sandbox_is_its_own_affair(
    apples: Apples, push: ApnsEnvironments, reason: str
) -> None:
    apples.sandbox.answer_all(Answer(403, reason))
    results = by_token(push.send([a_push_to(S, "sandbox"), a_push_to(P)]))
    assert (results[S].verdict, results[S].others_go_on) == (Verdict.MISCONFIGURED, True)
    assert results[P].verdict is Verdict.DELIVERED


def test_a_wrong_key_in_production_is_everybodys_obstacle(
    apples: Apples, push: ApnsEnvironments
) -> None:
    apples.production.answer_all(Answer.invalid_provider_token())
    for _ in range(2):
        result = send_one(push, a_push_to(P))
        assert (result.verdict, result.others_go_on) == (Verdict.MISCONFIGURED, False)


# --- the rest --------------------------------------------------------------------------------


def test_no_more_is_drawn_than_there_is_room_for(apples: Apples) -> None:
    """A black hole in production: nothing is taken, and nothing more is drawn."""
    drawn = 0

    def endless() -> Iterator[Push]:
        nonlocal drawn
        while True:
            drawn += 1
            yield a_push_to(a_token(drawn))

    with black_hole() as url, apples.engine(production=url) as push:
        result = next(push.send(endless()))
    assert (result.verdict, result.others_go_on) == (Verdict.UNREACHABLE, False)
    assert drawn <= AHEAD + 2


def test_the_remedy_for_a_bad_token_does_not_blame_the_environment(
    push: ApnsEnvironments,
) -> None:
    assert "both" in (push.remedy("BadDeviceToken") or "")
    assert "both" in (push.remedy("BadEnvironmentKeyIdInToken") or "")
    assert push.remedy("BadTopic") == "check LIVE_ACTIVITY_APNS_BUNDLE_ID"


def test_several_runs_at_once_have_connections_of_their_own(tmp_path: Path) -> None:
    with two_apples(tmp_path) as apples, apples.engine(connections=2) as push:
        apples.made_for("sandbox", S)
        one, other = push.send([a_push_to(S), a_push_to(P)]), push.send([a_push_to(S)])
        results = [next(one), next(other), *one, *other]
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 3
    assert a_session().environment is None
