"""Who connects for each push is taken for an attacker, where it is set so."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .frames import RawClient
from .sender import Sender

NewSender = Callable[[LocalApns], Sender]
NOW = 1_790_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def apns(clock: Clock) -> Iterator[LocalApns]:
    with LocalApns(reconnects_a_minute=3, clock=clock) as apns:
        yield apns


def until_all_have_gone(apns: LocalApns) -> None:
    while apns.faults.idle():
        time.sleep(0.01)


def connect_and_push(apns: LocalApns, times: int = 1) -> int:
    """The status of the last of so many pushes over a connection that is closed after them."""
    with RawClient(apns) as client:
        client.token = apns.key.provider_token(NOW)
        status = [client.answer(client.push()) for _ in range(times)][-1]
    until_all_have_gone(apns)
    return status


def is_refused(apns: LocalApns) -> bool:
    try:
        return connect_and_push(apns) != 200
    except ConnectionError:
        return True


def test_who_connects_for_each_push_is_refused(apns: LocalApns) -> None:
    assert [connect_and_push(apns) for _ in range(3)] == [200, 200, 200]
    assert is_refused(apns)
    assert len(apns.received) == 3


def test_a_few_pushes_for_each_do_not_help(apns: LocalApns) -> None:
    assert [connect_and_push(apns, times=5) for _ in range(3)] == [200, 200, 200]
    assert is_refused(apns)


def test_who_keeps_a_connection_is_served(apns: LocalApns, new_sender: NewSender) -> None:
    sender = new_sender(apns)
    sender.token = apns.key.provider_token(NOW)
    assert {sender.push().status_code for _ in range(50)} == {200}
    assert len({push.client for push in apns.received}) == 1


def test_several_connections_at_once_are_no_attack(apns: LocalApns, new_sender: NewSender) -> None:
    senders = [new_sender(apns) for _ in range(10)]
    for sender in senders:
        sender.token = apns.key.provider_token(NOW)
    assert {sender.push().status_code for sender in senders} == {200}


def test_a_connection_that_is_there_goes_on(apns: LocalApns, new_sender: NewSender) -> None:
    sender = new_sender(apns)
    sender.token = apns.key.provider_token(NOW)
    sender.push()
    with pytest.raises(ConnectionError):
        connect_without_end(apns)
    assert sender.push().status_code == 200


def connect_without_end(apns: LocalApns) -> None:
    for _ in range(100):
        with RawClient(apns):
            pass


def test_who_does_not_even_shake_hands_counts_too(apns: LocalApns) -> None:
    for _ in range(3):
        socket.create_connection(("127.0.0.1", apns.port)).close()
    with pytest.raises(ConnectionError):
        connect_without_end(apns)
    assert apns.received == []


def test_after_a_minute_of_quiet_it_is_taken_again(apns: LocalApns, clock: Clock) -> None:
    for _ in range(3):
        connect_and_push(apns)
    clock.now += 59
    assert is_refused(apns)
    clock.now += 1
    assert not is_refused(apns)


def test_what_the_server_has_ended_is_not_held_against_the_client(apns: LocalApns) -> None:
    for end in (apns.faults.cut, apns.faults.goaway) * 3:
        with RawClient(apns) as client:
            client.token = apns.key.provider_token(NOW)
            assert client.answer(client.push()) == 200
            end()
            client.until_closed()
        until_all_have_gone(apns)
    assert not is_refused(apns)


def test_the_rule_is_said(apns: LocalApns, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        connect_and_push(apns)
    assert is_refused(apns)
    assert "127.0.0.1 has opened and closed 3 within a minute" in caplog.text
    assert 'Source: Apple, "Sending notification requests to APNs"' in caplog.text


def test_a_client_of_others_sees_a_failed_connection(
    apns: LocalApns, new_sender: NewSender
) -> None:
    for _ in range(3):
        connect_and_push(apns)
    with pytest.raises(httpx2.TransportError):
        new_sender(apns).push()


def test_without_the_setting_anybody_may() -> None:
    with LocalApns(clock=Clock()) as apns:
        assert {connect_and_push(apns) for _ in range(20)} == {200}
