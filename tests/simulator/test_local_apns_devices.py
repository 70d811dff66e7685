"""The phones behind it: asked, and handed what was accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns, Received

from .sender import TOKEN, Sender

OTHER_APP = "org.example.other"


class Phones:
    """Notes what it is asked and given."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, float]] = []
        self.got: list[Received] = []
        self.broadcasts: list[tuple[str, Received]] = []
        self.answer: Answer | None = None

    def refusal(self, token: str, *, bundle_id: str, environment: str, at: float) -> Answer | None:
        self.asked.append((token, bundle_id, environment, at))
        return self.answer

    def receive(self, push: Received) -> None:
        self.got.append(push)

    def broadcast(self, channel_id: str, push: Received) -> None:
        self.broadcasts.append((channel_id, push))


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def apns(phones: Phones) -> Iterator[LocalApns]:
    with LocalApns(devices=phones, clock=lambda: 1_790_000_000.0) as apns:
        yield apns


@pytest.fixture
def sender(apns: LocalApns, new_sender: Callable[[LocalApns], Sender]) -> Sender:
    sender = new_sender(apns)
    sender.token = apns.key.provider_token(1_790_000_000)
    return sender


def test_they_are_handed_what_was_accepted_once(
    apns: LocalApns, phones: Phones, sender: Sender
) -> None:
    sender.push()
    assert phones.got == apns.accepted
    assert len(phones.got) == 1


def test_they_are_asked_with_topic_environment_and_time(phones: Phones, sender: Sender) -> None:
    sender.push()
    assert phones.asked == [(TOKEN, "com.example.allmine", "sandbox", 1_790_000_000.0)]


def test_they_are_asked_with_the_app_that_the_topic_names(
    apns: LocalApns, phones: Phones, sender: Sender
) -> None:
    key = apns.make_key("KEY0000002", apps=[OTHER_APP])
    sender.token = key.provider_token(1_790_000_000)
    sender.push(apns_topic=f"{OTHER_APP}.push-type.liveactivity")
    assert phones.asked[0][1] == OTHER_APP


def test_their_refusal_is_the_answer_and_they_get_nothing(phones: Phones, sender: Sender) -> None:
    phones.answer = Answer.expired_token(1_700_000_000)
    response = sender.push()
    assert response.status_code == 410
    assert response.json() == {"reason": "ExpiredToken", "timestamp": 1_700_000_000_000}
    assert phones.got == []


def test_they_are_not_asked_of_a_broken_push(phones: Phones, sender: Sender) -> None:
    sender.push(apns_topic=None)
    sender.push(body=b"")
    sender.push(authorization=None)
    assert (phones.asked, phones.got) == ([], [])


def test_their_refusal_uses_up_nothing_that_was_told(
    apns: LocalApns, phones: Phones, sender: Sender
) -> None:
    apns.answer_next(1, Answer.unavailable())
    phones.answer = Answer.bad_device_token()
    sender.push()
    phones.answer = None
    assert sender.push().status_code == 503


def test_a_told_refusal_reaches_no_phone(apns: LocalApns, phones: Phones, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    sender.push()
    assert phones.got == []


def test_a_push_whose_answer_is_lost_has_reached_them(
    apns: LocalApns, phones: Phones, sender: Sender
) -> None:
    apns.answer(TOKEN, Answer.cut(taken=True))
    with pytest.raises(httpx2.TransportError):
        sender.push()
    assert [push.token for push in phones.got] == [TOKEN]


def test_they_have_it_before_its_sender_is_told_so(
    apns: LocalApns, phones: Phones, sender: Sender
) -> None:
    assert sender.push().status_code == 200
    assert len(phones.got) == 1  # without waiting


def test_why_they_refuse_is_said(
    phones: Phones, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    phones.answer = Answer.expired_token(1_700_000_000)
    sender.push()
    assert "410 ExpiredToken" in caplog.text
    assert "The activity has ended, or is eight hours old." in caplog.text
    assert "unless it was registered again" in caplog.text
