"""Answers it was told to give."""

from __future__ import annotations

import threading

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .sender import TOKEN, Sender

OTHER = "ab" * 80


def test_a_told_answer_is_given_once(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert [sender.push().status_code for _ in range(2)] == [503, 200]


def test_told_answers_are_given_in_their_order(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable(), Answer.accepted())
    apns.answer(TOKEN, Answer.internal_server_error())
    assert [sender.push().status_code for _ in range(4)] == [503, 200, 500, 200]


def test_a_told_answer_is_for_its_token_only(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert sender.push(OTHER).status_code == 200


def test_an_answer_can_be_told_for_always(apns: LocalApns, sender: Sender) -> None:
    apns.answer_always(TOKEN, Answer.bad_device_token())
    assert [sender.push().status_code for _ in range(3)] == [400, 400, 400]


def test_always_ends_when_told_so(apns: LocalApns, sender: Sender) -> None:
    apns.answer_always(TOKEN, Answer.bad_device_token())
    apns.answer_always(TOKEN, None)
    assert sender.push().status_code == 200


def test_an_answer_told_once_comes_before_that_for_always(apns: LocalApns, sender: Sender) -> None:
    apns.answer_always(TOKEN, Answer.bad_device_token())
    apns.answer(TOKEN, Answer.unavailable())
    assert [sender.push().status_code for _ in range(2)] == [503, 400]


def test_the_next_requests_can_be_answered_whatever_their_token(
    apns: LocalApns, sender: Sender
) -> None:
    apns.answer_next(2, Answer.too_many_requests())
    assert [sender.push(t).status_code for t in (TOKEN, OTHER, TOKEN)] == [429, 429, 200]


def test_the_next_answer_comes_before_that_of_a_token(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    apns.answer_next(1, Answer.too_many_requests())
    assert [sender.push().status_code for _ in range(2)] == [429, 503]


def test_a_broken_request_is_refused_for_its_own_fault(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert sender.push(apns_topic=None).json() == {"reason": "MissingTopic"}


def test_a_broken_request_uses_up_no_told_answer(apns: LocalApns, sender: Sender) -> None:
    apns.answer_next(1, Answer.unavailable())
    sender.push(apns_topic=None)
    assert sender.push().status_code == 503


def test_all_can_be_answered_before_the_provider_token_is_looked_at(
    apns: LocalApns, sender: Sender
) -> None:
    apns.answer_all(Answer.invalid_provider_token())
    assert sender.push(authorization=None).json() == {"reason": "InvalidProviderToken"}


def test_all_are_answered_as_usual_when_told_so(apns: LocalApns, sender: Sender) -> None:
    apns.answer_all(Answer.shutdown())
    apns.answer_all(None)
    assert sender.push().status_code == 200


def test_all_that_was_told_can_be_forgotten(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    apns.answer_always(TOKEN, Answer.unavailable())
    apns.answer_next(5, Answer.unavailable())
    apns.answer_all(Answer.unavailable())
    apns.tokens_of_other_environment.add(TOKEN)
    apns.answer_as_usual()
    assert sender.push().status_code == 200


def test_clearing_the_records_forgets_no_told_answer(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    apns.clear()
    assert sender.push().status_code == 503


@pytest.mark.parametrize("count", [0, -1])
def test_to_answer_the_next_none_is_a_mistake(apns: LocalApns, count: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        apns.answer_next(count, Answer.unavailable())


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (Answer.gone(1700000000.5), 410, {"reason": "Unregistered", "timestamp": 1700000000500}),
        (Answer.expired_token(1.0), 410, {"reason": "ExpiredToken", "timestamp": 1000}),
        (Answer.bad_device_token(), 400, {"reason": "BadDeviceToken"}),
        (Answer.device_token_not_for_topic(), 400, {"reason": "DeviceTokenNotForTopic"}),
        (Answer.expired_provider_token(), 403, {"reason": "ExpiredProviderToken"}),
        (Answer.too_many_provider_token_updates(), 429, {"reason": "TooManyProviderTokenUpdates"}),
        (Answer.internal_server_error(), 500, {"reason": "InternalServerError"}),
        (Answer.shutdown(), 503, {"reason": "Shutdown"}),
        (Answer(418, "Teapot"), 418, {"reason": "Teapot"}),
    ],
    ids=lambda value: value.reason if isinstance(value, Answer) else "",
)
def test_an_answer_has_its_status_and_body(
    apns: LocalApns, sender: Sender, answer: Answer, status: int, body: dict[str, object]
) -> None:
    apns.answer(TOKEN, answer)
    response = sender.push()
    assert (response.status_code, response.json()) == (status, body)


def test_an_answer_is_made_from_apples_reason() -> None:
    assert Answer.of("TooManyRequests", retry_after=5) == Answer.too_many_requests(5)
    assert Answer.of("ExpiredToken", since=1700000000) == Answer.expired_token(1700000000)


def test_a_reason_that_is_not_apples_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="Did you mean 'BadDeviceToken'"):
        Answer.of("BadDevicetoken")


def test_an_answer_with_a_reason_is_json(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert sender.push().headers["content-type"] == "application/json"


def test_an_answer_without_a_reason_has_no_body(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer(502))
    assert sender.push().content == b""


@pytest.mark.parametrize("retry_after", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_an_answer_may_say_when_to_come_again(
    apns: LocalApns, sender: Sender, retry_after: int | str
) -> None:
    apns.answer(TOKEN, Answer.unavailable(retry_after))
    assert sender.push().headers["retry-after"] == str(retry_after)


def test_without_it_there_is_no_such_header(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert "retry-after" not in sender.push().headers


def test_a_reset_stream_gets_no_answer(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.reset())
    # 2 is INTERNAL_ERROR: after REFUSED_STREAM a client may try again by itself.
    with pytest.raises(httpx2.RemoteProtocolError, match=r"StreamReset.*error_code:2"):
        sender.push()


def test_a_reset_stream_leaves_its_connection_open(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.reset())
    sender.push(OTHER)
    with pytest.raises(httpx2.RemoteProtocolError):
        sender.push()
    sender.push(OTHER)
    assert len({push.client for push in apns.received}) == 1


def test_a_reset_stream_is_recorded(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.reset())
    with pytest.raises(httpx2.RemoteProtocolError):
        sender.push()
    assert [(push.status, push.fault) for push in apns.received] == [(0, "reset")]


def test_answers_can_be_late(apns: LocalApns, sender: Sender) -> None:
    answered: list[str] = []
    apns.delay(1)

    def push_late() -> None:
        sender.push(timeout=60)
        answered.append("late")

    pushing = threading.Thread(target=push_late)
    pushing.start()
    apns.wait_for(1)
    apns.delay(0)
    another = Sender(apns)
    with another.client:
        another.push(OTHER)
    answered.append("at once")
    pushing.join()
    assert answered == ["at once", "late"]


def test_a_push_is_recorded_before_its_late_answer(apns: LocalApns, sender: Sender) -> None:
    answered = threading.Event()
    apns.delay(2)

    def push() -> None:
        sender.push(timeout=60)
        answered.set()

    pushing = threading.Thread(target=push)
    pushing.start()
    apns.wait_for(1)
    assert not answered.is_set()
    pushing.join()


def test_a_client_that_did_not_wait_does_no_harm(apns: LocalApns, sender: Sender) -> None:
    apns.delay(0.2)
    with pytest.raises(httpx2.ReadTimeout):
        sender.client.post(
            f"/3/device/{TOKEN}", headers=sender.headers(), timeout=0.05, content="x"
        )
    assert sender.push().status_code == 200
