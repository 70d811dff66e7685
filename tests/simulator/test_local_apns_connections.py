"""How connections go wrong: GOAWAY, cut, half open, idle for too long."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable

import h2.events
import httpx2
import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .frames import RawClient
from .sender import TOKEN, Sender

NewSender = Callable[[LocalApns], Sender]
OTHER = "cd" * 80


# --- GOAWAY ------------------------------------------------------------------------------------


def test_a_goaway_says_its_reason_as_json(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        assert apns.faults.goaway("Shutdown") == 1
        event = client.wait(h2.events.ConnectionTerminated)
        assert json.loads(event.additional_data or b"") == {"reason": "Shutdown"}
        assert event.error_code == 0


def test_a_goaway_names_the_last_stream_that_came(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        for _ in range(3):
            last = client.push()
            client.answer(last)
        apns.faults.goaway()
        assert client.wait(h2.events.ConnectionTerminated).last_stream_id == last


def test_after_a_goaway_an_idle_connection_is_closed(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        apns.faults.goaway()
        client.until_closed()


def test_what_came_before_a_goaway_is_answered_then_the_connection_closed(
    apns: LocalApns,
) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        waiting = client.open()
        client.settled()
        apns.faults.goaway()
        client.finish(waiting)
        assert client.answer(waiting) == 200
        client.until_closed()
    assert len(apns.accepted) == 2


def test_what_comes_after_a_goaway_is_not_processed(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        waiting = client.open()
        client.settled()
        apns.faults.goaway()
        later = client.push(OTHER)
        assert later > waiting
        client.finish(waiting)
        client.until_closed()
    assert [push.token for push in apns.received] == [TOKEN, TOKEN]


def test_a_single_push_can_meet_a_goaway_unprocessed(apns: LocalApns) -> None:
    apns.answer(TOKEN, Answer.goaway("InternalServerError"))
    with RawClient(apns) as client:
        first = client.push(OTHER)
        client.answer(first)
        client.push(TOKEN)
        event = client.wait(h2.events.ConnectionTerminated)
        assert event.last_stream_id == first
        assert json.loads(event.additional_data or b"") == {"reason": "InternalServerError"}
        client.until_closed()
    assert [(push.status, push.fault) for push in apns.received] == [(200, None), (0, "goaway")]


def test_after_a_goaway_a_client_goes_on_with_a_new_connection(
    apns: LocalApns, sender: Sender
) -> None:
    sender.push()
    apns.faults.goaway()
    with contextlib.suppress(httpx2.TransportError):  # as long as it has not read the frame
        sender.push()
    assert sender.push().status_code == 200
    assert len({push.client for push in apns.accepted}) == 2


def test_a_second_goaway_changes_nothing(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        client.open()
        client.settled()
        apns.faults.goaway("Shutdown")
        apns.faults.goaway("BadCertificate")
        event = client.wait(h2.events.ConnectionTerminated)
        assert b"Shutdown" in (event.additional_data or b"")


# --- cut ---------------------------------------------------------------------------------------


def test_all_connections_can_be_cut_and_new_ones_are_taken(
    apns: LocalApns, new_sender: NewSender
) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        assert apns.faults.cut() >= 1
        client.until_closed()
    assert new_sender(apns).push().status_code == 200


def test_a_single_push_can_meet_a_cut_connection(apns: LocalApns, sender: Sender) -> None:
    apns.answer(TOKEN, Answer.cut())
    with pytest.raises(httpx2.TransportError):
        sender.push()
    assert [(push.status, push.fault) for push in apns.received] == [(0, "cut")]
    assert sender.push().status_code == 200


# --- half open ---------------------------------------------------------------------------------


def test_half_open_connections_are_taken_and_never_answered(apns: LocalApns) -> None:
    apns.faults.half_open = True
    with RawClient(apns) as client:
        client.push()
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.wait(h2.events.Event)
    assert apns.received == []


def test_connections_become_half_open_too(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    apns.faults.half_open = True
    with pytest.raises(httpx2.ReadTimeout):
        sender.push(timeout=0.2)
    assert len(apns.received) == 1


def test_a_half_open_connection_answers_no_ping(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        apns.faults.half_open = True
        client.connection.ping(b"12345678")
        client.flush()
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.wait(h2.events.PingAckReceived)


def test_a_half_open_connection_stays_so_and_new_ones_are_served(
    apns: LocalApns, sender: Sender, new_sender: NewSender
) -> None:
    sender.push()
    apns.faults.half_open = True
    apns.faults.half_open = False
    assert new_sender(apns).push().status_code == 200
    with pytest.raises(httpx2.ReadTimeout):
        sender.push(timeout=0.2)


def test_a_single_push_can_find_its_connection_half_open(apns: LocalApns) -> None:
    apns.answer(TOKEN, Answer.silence())
    with RawClient(apns) as client:
        client.push()
        apns.wait_for(1, accepted=False)
        client.events.clear()
        client.push(OTHER)
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.wait(h2.events.ResponseReceived)
    assert [push.fault for push in apns.received] == ["silence"]


def test_stopping_is_quick_with_half_open_connections(new_sender: NewSender) -> None:
    with LocalApns() as apns, RawClient(apns) as client:
        client.answer(client.push())
        apns.faults.half_open = True
        client.push()
        stopping = threading.Thread(target=apns.stop)
        stopping.start()
        stopping.join(3)
        assert not stopping.is_alive()


# --- idle, and too many bad tokens -------------------------------------------------------------


def test_a_push_on_a_connection_idle_for_too_long_is_refused_and_the_connection_ended(
    apns: LocalApns,
) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        assert apns.faults.idle() == 1
        assert client.answer(client.push()) == 400
        event = client.wait(h2.events.ConnectionTerminated)
        assert b"IdleTimeout" in (event.additional_data or b"")
        client.until_closed()
    assert apns.received[-1].reason == "IdleTimeout"


def test_how_long_is_too_long_can_be_chosen() -> None:
    now = [1_790_000_000.0]
    with LocalApns(idle_timeout=60, clock=lambda: now[0]) as apns, RawClient(apns) as client:
        client.token = apns.key.provider_token(now[0])
        assert client.answer(client.push()) == 200
        now[0] += 60
        assert client.answer(client.push()) == 200
        now[0] += 61
        assert client.answer(client.push()) == 400


def test_a_connection_that_sees_too_many_bad_tokens_is_ended() -> None:
    with LocalApns(bad_tokens_until_goaway=2) as apns, RawClient(apns) as client:
        client.answer(client.push("0" * 64))
        client.answer(client.push("0" * 64))
        event = client.wait(h2.events.ConnectionTerminated)
        assert b"BadDeviceToken" in (event.additional_data or b"")


# --- lost answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Answer.reset(), Answer.cut(), Answer.goaway()])
def test_a_push_without_an_answer_reaches_no_phone(answer: Answer) -> None:
    assert not answer.reaches_phones


@pytest.mark.parametrize(
    "answer", [Answer.reset(taken=True), Answer.cut(taken=True), Answer.silence(taken=True)]
)
def test_unless_only_its_answer_is_lost(answer: Answer) -> None:
    assert answer.reaches_phones


# --- from other threads, and when it does not run ------------------------------------------------


def test_faults_of_one_that_does_not_run_meet_nobody() -> None:
    apns = LocalApns()
    assert (apns.faults.goaway(), apns.faults.cut(), apns.faults.idle()) == (0, 0, 0)


def test_as_usual_means_without_faults(apns: LocalApns) -> None:
    apns.faults.half_open = apns.faults.one_stream = True
    apns.answer_as_usual()
    assert (apns.faults.half_open, apns.faults.one_stream) == (False, False)


def test_it_can_go_down_and_come_back_from_another_thread(new_sender: NewSender) -> None:
    with LocalApns() as apns:
        for act, down in ((apns.go_down, True), (apns.come_back, False)):
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
            assert apns.is_down is down
        assert new_sender(apns).push().status_code == 200


def test_while_it_is_down_nobody_gets_through(new_sender: NewSender) -> None:
    with LocalApns() as apns:
        sender = new_sender(apns)
        apns.go_down()
        apns.go_down()
        with pytest.raises(httpx2.ConnectError):
            sender.push()


def test_it_can_be_stopped_while_it_is_down_and_started_again(new_sender: NewSender) -> None:
    apns = LocalApns()
    apns.start()
    apns.go_down()
    apns.stop()
    assert not apns.is_down
    apns.come_back()
    apns.start()
    assert new_sender(apns).push().status_code == 200
    apns.stop()


def test_to_come_back_without_having_gone_does_nothing(apns: LocalApns, sender: Sender) -> None:
    apns.come_back()
    assert sender.push().status_code == 200
