"""What a push backend makes of the push service's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from flask_allmine_liveactivity.model import Push, Verdict
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.testing.push_contract.pushes import a_push, a_token, some_pushes

Provoke = Callable[[str, Verdict], object]

# Those that say something of one token, and leave all others as they are.
OF_ONE_TOKEN = (Verdict.GONE, Verdict.REJECTED, Verdict.RETRY)
# What is postponed has been sent to nobody.
_NO_REFUSALS = (Verdict.DELIVERED, Verdict.POSTPONED)
REFUSALS = [verdict for verdict in Verdict if verdict not in _NO_REFUSALS]


class PushVerdicts:
    """What every push backend must make of refusals.

    Give the fixtures ``push``, as for ``PushContract``, and ``answer``: a function that is called
    with a token and a ``Verdict``, and lets your server answer the next push to that token in such
    a way that it means this: a 410 for ``GONE``, a 418 for ``ODD``, a connection that is cut for
    ``UNREACHABLE``.

    .. versionadded:: 0.1.0
    """

    @pytest.mark.parametrize("verdict", REFUSALS)
    def test_an_answer_is_understood(
        self, push: PushBackend, answer: Provoke, verdict: Verdict
    ) -> None:
        answer(a_token(1), verdict)
        (result,) = push.send([a_push(1)])
        assert result.verdict is verdict, f"status {result.status}, reason {result.reason!r}"

    @pytest.mark.parametrize("verdict", REFUSALS)
    def test_a_refusal_has_a_reason_that_can_be_shown(
        self, push: PushBackend, answer: Provoke, verdict: Verdict
    ) -> None:
        """It is stored, counted and shown by ``flask live-activity status``."""
        answer(a_token(1), verdict)
        (result,) = push.send([a_push(1)])
        assert result.reason, "a refusal without a reason tells nobody what to mend"
        assert a_token(1) not in result.reason, "the reason quotes the device token"
        assert result.reason.isprintable(), "a database may refuse it"

    @pytest.mark.parametrize("verdict", REFUSALS)
    def test_it_sends_again_after_a_refusal(
        self, push: PushBackend, answer: Provoke, verdict: Verdict
    ) -> None:
        answer(a_token(1), verdict)
        list(push.send([a_push(1)]))
        (result,) = push.send([a_push(2)])
        assert result.verdict is Verdict.DELIVERED, f"{result.verdict}: {result.reason}"

    def test_each_answer_belongs_to_its_push(self, push: PushBackend, answer: Provoke) -> None:
        expected = {a_token(number): Verdict.DELIVERED for number in range(1, 41)}
        for number in range(1, 31):
            expected[a_token(number)] = OF_ONE_TOKEN[number % 3]
            answer(a_token(number), OF_ONE_TOKEN[number % 3])
        results = list(push.send(some_pushes(40)))
        assert {result.push.token: result.verdict for result in results} == expected

    def test_a_dead_token_says_since_when_in_seconds(
        self, push: PushBackend, answer: Provoke
    ) -> None:
        """Apple says it in milliseconds; a backend that does not know says ``None``."""
        answer(a_token(1), Verdict.GONE)
        (result,) = push.send([a_push(1)])
        since = result.gone_since
        assert since is None or 0 <= since <= time.time() + 60, (
            f"{since} are no seconds of the past"
        )

    def test_a_retry_says_when_in_seconds_from_now(
        self, push: PushBackend, answer: Provoke
    ) -> None:
        answer(a_token(1), Verdict.RETRY)
        (result,) = push.send([a_push(1)])
        after = result.retry_after
        assert after is None or 0 < after < 24 * 3600, f"{after} are no seconds from now"

    @pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.MISCONFIGURED])
    def test_a_run_that_stops_at_a_refusal_can_do_so(
        self, push: PushBackend, answer: Provoke, verdict: Verdict
    ) -> None:
        """Where nobody answers, or all would be refused, a run gives no further push: what is in
        flight has its results, and then it ends."""
        answer(a_token(1), verdict)
        drawn: list[str] = []
        stopped: list[str] = []

        def until_stopped() -> Iterator[Push]:
            for each in some_pushes(5000):
                if stopped:
                    return
                drawn.append(each.token)
                yield each

        results = []
        for result in push.send(until_stopped()):
            results.append(result.push.token)
            if result.verdict is verdict:
                stopped.append(result.push.token)
        assert a_token(1) in stopped, "the refusal was not reported"
        assert sorted(results) == sorted(drawn), "what was in flight has no result, or two"
        assert len(drawn) < 5000, "all were drawn before the first results came"

    @pytest.mark.parametrize("verdict", REFUSALS)
    def test_a_refusal_logs_no_token(
        self,
        push: PushBackend,
        answer: Provoke,
        verdict: Verdict,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level("INFO")
        answer(a_token(1), verdict)
        list(push.send([a_push(1)]))
        assert a_token(1) not in caplog.text, "a device token is in the log"
