"""What it records, and how it shows it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns, Received

from .sender import PAYLOAD, TOKEN, Sender


def test_a_push_is_recorded_with_all_that_was_sent(apns: LocalApns, sender: Sender) -> None:
    apns_id = "123e4567-e89b-12d3-a456-426655440000"
    sender.push(apns_id=apns_id, apns_priority="5")
    (push,) = apns.received
    assert (push.token, push.path) == (TOKEN, f"/3/device/{TOKEN}")
    assert (push.payload, push.apns_id) == (PAYLOAD, apns_id)
    assert push.headers["apns-priority"] == "5"
    assert push.provider_token == sender.token
    assert (push.status, push.reason) == (200, None)


def test_a_push_is_recorded_with_the_time(apns: LocalApns, sender: Sender) -> None:
    before = time.time()
    sender.push()
    assert before <= apns.received[0].at <= time.time()


def test_the_body_is_recorded_as_it_came(apns: LocalApns, sender: Sender) -> None:
    sender.push(body=b'{ "aps":{} }')
    assert apns.received[0].body == b'{ "aps":{} }'


def test_what_is_no_json_object_has_no_payload(apns: LocalApns, sender: Sender) -> None:
    sender.push(body=b"[1]")
    assert apns.received[0].payload is None


def test_event_content_state_and_timestamp_are_at_hand(apns: LocalApns, sender: Sender) -> None:
    sender.push(aps={"event": "update", "timestamp": 5, "content-state": {"a": 1}})
    (push,) = apns.received
    assert (push.event, push.timestamp, push.content_state) == ("update", 5, {"a": 1})


@pytest.mark.parametrize("body", [b"", b"[]", b'{"aps": 1}'])
def test_they_are_none_where_nothing_was_sent(apns: LocalApns, sender: Sender, body: bytes) -> None:
    sender.push(body=body)
    (push,) = apns.received
    assert (push.event, push.timestamp, push.content_state) == (None, None, None)


def test_refused_requests_are_recorded_with_their_reason(apns: LocalApns, sender: Sender) -> None:
    sender.push(apns_topic=None)
    assert [(push.status, push.reason) for push in apns.received] == [(400, "MissingTopic")]


def test_refused_requests_are_not_among_the_accepted(apns: LocalApns, sender: Sender) -> None:
    sender.push(apns_topic=None)
    sender.push()
    assert [push.status for push in apns.accepted] == [200]


def test_requests_are_in_the_order_of_arrival(apns: LocalApns, sender: Sender) -> None:
    tokens = [f"{number:064x}" for number in range(20)]
    for token in tokens:
        sender.push(token)
    assert [push.token for push in apns.received] == tokens


def test_requests_of_one_connection_have_one_client(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    sender.push()
    assert len({push.client for push in apns.received}) == 1


def test_connections_can_be_told_apart(
    apns: LocalApns, new_sender: Callable[[LocalApns], Sender]
) -> None:
    new_sender(apns).push()
    new_sender(apns).push()
    assert len({push.client for push in apns.received}) == 2


def test_clearing_forgets_what_was_received(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    apns.clear()
    assert apns.received == []


def test_the_records_can_be_bounded(new_sender: Callable[[LocalApns], Sender]) -> None:
    with LocalApns(keep=2) as apns:
        sender = new_sender(apns)
        for token in ("a", "b", "c"):
            sender.push(token)
        assert [push.token for push in apns.received] == ["b", "c"]


def test_waiting_counts_what_is_no_longer_kept(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(keep=1) as apns:
        sender = new_sender(apns)
        for _ in range(3):
            sender.push()
        assert len(apns.wait_for(3, timeout=1)) == 1


def test_waiting_ends_when_the_push_comes(apns: LocalApns, sender: Sender) -> None:
    later = threading.Timer(0.1, sender.push)
    later.start()
    assert [push.token for push in apns.wait_for(1)] == [TOKEN]
    later.join()


def test_waiting_counts_accepted_pushes_only(apns: LocalApns, sender: Sender) -> None:
    sender.push(apns_topic=None)
    with pytest.raises(TimeoutError):
        apns.wait_for(1, timeout=0.05)


def test_waiting_can_count_refused_requests_too(apns: LocalApns, sender: Sender) -> None:
    sender.push(apns_topic=None)
    assert len(apns.wait_for(1, accepted=False)) == 1


def test_waiting_in_vain_says_what_came(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    sender.push(apns_topic=None)
    sender.push(apns_topic=None)
    with pytest.raises(TimeoutError) as error:
        apns.wait_for(3, timeout=0.05)
    assert str(error.value) == (
        "Waited 0.05 s for 3 accepted pushes, and saw 1 accepted and 2 refused: "
        "2 x 400 MissingTopic."
    )


def test_on_push_is_called_with_each_request(new_sender: Callable[[LocalApns], Sender]) -> None:
    pushes: list[Received] = []
    with LocalApns(on_push=pushes.append) as apns:
        sender = new_sender(apns)
        sender.push()
        sender.push(apns_topic=None)
        assert pushes == apns.received


def test_a_failing_on_push_is_logged_and_the_push_answered(
    new_sender: Callable[[LocalApns], Sender], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(push: Received) -> None:
        raise RuntimeError("the test's own fault")

    with LocalApns(on_push=fail) as apns:
        assert new_sender(apns).push().status_code == 200
    assert "the test's own fault" in caplog.text


def test_a_repr_shows_neither_token_nor_provider_token(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    shown = repr(apns.received)
    assert TOKEN not in shown
    assert sender.token not in shown


def test_a_repr_shows_a_fingerprint_of_the_token(apns: LocalApns, sender: Sender) -> None:
    sender.push("live_activity_runtime_token")
    assert "token=<a1607a7f>" in repr(apns.received[0])


def logged(caplog: pytest.LogCaptureFixture) -> str:
    name = "flask_allmine_liveactivity.simulator"
    return "\n".join(record.getMessage() for record in caplog.records if record.name == name)


def test_a_refusal_is_logged_with_what_would_have_been_right(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender.push(apns_topic="com.example.allmine")
    assert "400 BadTopic" in logged(caplog)
    assert "must be com.example.allmine.push-type.liveactivity" in logged(caplog)


@pytest.mark.parametrize(
    ("changes", "page"),
    [
        ({"apns_topic": None}, "Sending notification requests to APNs"),
        ({"authorization": None}, "Establishing a token-based connection to APNs"),
        ({"token": "0" * 64}, "Handling notification responses from APNs"),
    ],
)
def test_a_refusal_is_logged_with_apples_page(
    sender: Sender, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], page: str
) -> None:
    caplog.set_level(logging.INFO)
    sender.push(**changes)
    assert logged(caplog).endswith(f'Source: Apple, "{page}".')


def test_a_refusal_is_recorded_with_the_rule_and_apples_page(
    apns: LocalApns, sender: Sender
) -> None:
    sender.push(apns_topic=None)
    assert apns.received[0].why.startswith("apns-topic is missing, and must be com.example")
    assert apns.received[0].source == "Sending notification requests to APNs"


def test_an_accepted_push_is_logged_with_its_event_and_priority(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender.push(aps={"event": "end", "timestamp": time.time()}, apns_priority="5")
    assert "200 (token 6bedff97, event end, priority 5)" in logged(caplog)


def test_whatever_was_sent_as_the_event_is_one_line(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender.push(aps={"event": "end\n200 (token 00000000)"})
    assert len(logged(caplog).splitlines()) == 1


def test_a_problem_is_logged(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sender.push(aps={"event": "end"})
    assert "200, but the phone would drop it" in logged(caplog)


def test_a_told_answer_is_logged_as_told(
    apns: LocalApns, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    apns.answer(TOKEN, Answer.unavailable())
    sender.push()
    assert "503 ServiceUnavailable" in logged(caplog)
    assert "told" in logged(caplog)


def test_no_token_is_ever_logged(
    apns: LocalApns, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    apns.answer(TOKEN, Answer.gone(time.time()), Answer.unavailable())
    for _ in range(3):
        sender.push(aps={})
    sender.push(path=f"/3/devices/{TOKEN}")
    sender.push(authorization=f"bearer {sender.token}x")
    assert logged(caplog)
    assert TOKEN not in logged(caplog)
    assert sender.token not in logged(caplog)
