"""What Apple answers, and what the engine makes of it: the table of the facts."""

from __future__ import annotations

import time

import pytest

from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.answers import read_refusal, verdict_of
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .engine import TOKEN, RawAnswer, a_push, a_token, send_one

TABLE = [
    (400, "BadDeviceToken", Verdict.REJECTED),
    (400, "DeviceTokenNotForTopic", Verdict.REJECTED),
    (400, "MissingDeviceToken", Verdict.REJECTED),
    (400, "BadTopic", Verdict.MISCONFIGURED),
    (400, "MissingTopic", Verdict.MISCONFIGURED),
    (400, "TopicDisallowed", Verdict.MISCONFIGURED),
    (400, "InvalidPushType", Verdict.MISCONFIGURED),
    (400, "BadPriority", Verdict.MISCONFIGURED),
    (400, "BadExpirationDate", Verdict.MISCONFIGURED),
    (400, "BadCollapseId", Verdict.MISCONFIGURED),
    (400, "BadMessageId", Verdict.MISCONFIGURED),
    (400, "DuplicateHeaders", Verdict.MISCONFIGURED),
    (400, "PayloadEmpty", Verdict.MISCONFIGURED),
    (403, "InvalidProviderToken", Verdict.MISCONFIGURED),
    (403, "MissingProviderToken", Verdict.MISCONFIGURED),
    (403, "BadCertificate", Verdict.MISCONFIGURED),
    (403, "BadCertificateEnvironment", Verdict.MISCONFIGURED),
    (403, "Forbidden", Verdict.MISCONFIGURED),
    (403, "BadEnvironmentKeyIdInToken", Verdict.MISCONFIGURED),
    (403, "BadEnvironmentKeyInToken", Verdict.MISCONFIGURED),
    (404, "BadPath", Verdict.ODD),
    (405, "MethodNotAllowed", Verdict.MISCONFIGURED),
    (413, "PayloadTooLarge", Verdict.MISCONFIGURED),
    (410, "Unregistered", Verdict.GONE),
    (410, "ExpiredToken", Verdict.GONE),
    (429, "TooManyRequests", Verdict.RETRY),
    (429, "TooManyProviderTokenUpdates", Verdict.RETRY),
    (500, "InternalServerError", Verdict.RETRY),
    (503, "ServiceUnavailable", Verdict.RETRY),
    (503, "Shutdown", Verdict.RETRY),
]
BY_STATUS = [
    # Odd: about this token alone, as far as anybody knows. One token must not stop a run.
    (400, Verdict.ODD),
    (403, Verdict.ODD),
    (404, Verdict.ODD),
    (410, Verdict.GONE),
    (413, Verdict.ODD),
    (414, Verdict.ODD),
    (418, Verdict.ODD),
    (431, Verdict.ODD),
    (429, Verdict.RETRY),
    (500, Verdict.RETRY),
    (502, Verdict.RETRY),
    (504, Verdict.RETRY),
    (599, Verdict.RETRY),
]
GARBAGE = [
    b"",
    b"<html>502 Bad Gateway</html>",
    b"[]",
    b"null",
    b'"BadDeviceToken"',
    b"{",
    b"\xff\xfe\x00",
    b'{"reason": 7}',
    b'{"reason": null, "timestamp": "yesterday"}',
    b'{"reason": "\\ud800"}',
    b'{"reason": "nul\\u0000"}',
    b'{"timestamp": true}',
    b'{"timestamp": 1' + b"0" * 400 + b"}",
    b'{"timestamp": 1e999}',
    b'{"timestamp": NaN}',
    b"[" * 30_000,
]


def test_a_200_is_delivered(push: ApnsPush) -> None:
    result = send_one(push)
    assert (result.verdict, result.status, result.reason) == (Verdict.DELIVERED, 200, None)


@pytest.mark.parametrize(("status", "reason", "verdict"), TABLE)
def test_a_refusal_is_understood(
    apns: LocalApns, push: ApnsPush, status: int, reason: str, verdict: Verdict
) -> None:
    apns.answer(TOKEN, Answer(status, reason))
    result = send_one(push)
    assert (result.verdict, result.status, result.reason) == (verdict, status, reason)


@pytest.mark.parametrize(("status", "reason", "verdict"), TABLE)
def test_a_refusal_is_not_sent_again_by_itself(
    apns: LocalApns, push: ApnsPush, status: int, reason: str, verdict: Verdict
) -> None:
    apns.answer(TOKEN, Answer(status, reason))
    send_one(push)
    assert len(apns.received) == 1


@pytest.mark.parametrize(("status", "verdict"), BY_STATUS)
def test_an_unknown_reason_goes_by_its_status(
    apns: LocalApns, push: ApnsPush, status: int, verdict: Verdict
) -> None:
    apns.answer(TOKEN, Answer(status, "NewInTheYear2040"))
    result = send_one(push)
    assert (result.verdict, result.reason) == (verdict, "NewInTheYear2040")


@pytest.mark.parametrize(("status", "verdict"), BY_STATUS)
def test_an_answer_without_a_body_goes_by_its_status(
    apns: LocalApns, push: ApnsPush, status: int, verdict: Verdict
) -> None:
    apns.answer(TOKEN, Answer(status))
    result = send_one(push)
    assert (result.verdict, result.reason) == (verdict, f"HTTP {status}")


@pytest.mark.parametrize("status", [400, 410, 500])
@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:30]))
def test_a_garbled_answer_goes_by_its_status(
    apns: LocalApns, push: ApnsPush, status: int, body: bytes
) -> None:
    apns.answer(TOKEN, RawAnswer(status, raw=body))
    result = send_one(push)
    assert (result.verdict, result.reason) == (verdict_of(status, None), f"HTTP {status}")


def test_an_answer_without_end_is_cut_off(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(TOKEN, RawAnswer(400, raw=b"x" * 200_000))
    assert send_one(push).verdict is Verdict.UNREACHABLE


def test_a_reason_is_kept_short() -> None:
    reason = read_refusal(b'{"reason": "' + b"x" * 5000 + b'"}').reason
    assert reason is not None
    assert len(reason) == 100


def test_a_body_of_200_is_not_looked_into(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(TOKEN, RawAnswer(200, raw=b'{"reason": "BadDeviceToken"}'))
    assert send_one(push).verdict is Verdict.DELIVERED


def test_a_410_says_since_when_in_seconds(apns: LocalApns, push: ApnsPush) -> None:
    since = int(time.time()) - 100
    apns.answer(TOKEN, Answer.gone(since))
    assert send_one(push).gone_since == since


def test_a_410_without_a_time_has_none(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(TOKEN, Answer(410, "Unregistered"))
    assert send_one(push).gone_since is None


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on_in_seconds(apns: LocalApns, push: ApnsPush, status: int) -> None:
    apns.answer(TOKEN, Answer(status, "Later", retry_after=37))
    assert send_one(push).retry_after == 37


def test_retry_after_may_be_a_date(apns: LocalApns, push: ApnsPush) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    apns.answer(TOKEN, Answer.unavailable(retry_after=date))
    assert send_one(push).retry_after == pytest.approx(100, abs=3)


@pytest.mark.parametrize("retry_after", [None, 0, "soon", -5])
def test_without_a_good_retry_after_there_is_none(
    apns: LocalApns, push: ApnsPush, retry_after: int | str | None
) -> None:
    apns.answer(TOKEN, Answer.unavailable(retry_after=retry_after))
    assert send_one(push).retry_after is None


def test_each_result_belongs_to_its_push(apns: LocalApns, push: ApnsPush) -> None:
    for number in range(0, 30, 3):
        apns.answer(a_token(number), Answer.bad_device_token())
        apns.answer(a_token(number + 1), Answer.gone(1000 + number))
    results = list(push.send(a_push(a_token(number)) for number in range(30)))
    by_token = {result.push.token: (result.verdict, result.gone_since) for result in results}
    assert by_token == {
        a_token(number): (
            (Verdict.REJECTED, None),
            (Verdict.GONE, 1000.0 + number - 1),
            (Verdict.DELIVERED, None),
        )[number % 3]
        for number in range(30)
    }


def test_a_stream_that_is_reset_is_no_answer(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(TOKEN, Answer.reset())
    assert send_one(push).verdict is Verdict.UNREACHABLE


def test_a_token_of_the_other_environment_is_rejected(apns: LocalApns, push: ApnsPush) -> None:
    apns.tokens_of_other_environment.add(TOKEN)
    result = send_one(push)
    assert (result.verdict, result.reason) == (Verdict.REJECTED, "BadDeviceToken")
