"""How many requests a connection may have under way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import h2.events
import pytest
from h2.errors import ErrorCodes

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .frames import RawClient
from .sender import Sender, provider_token


def test_a_new_connection_may_carry_one_stream(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.wait(h2.events.RemoteSettingsChanged)
        assert client.settings() == [1]


def test_a_valid_provider_token_raises_it_to_the_configured_number(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        assert client.answer(client.push()) == 200
        assert client.settings() == [1, 1000]


def test_the_number_can_be_chosen() -> None:
    with LocalApns(max_concurrent_streams=7) as apns, RawClient(apns) as client:
        client.answer(client.push())
        assert client.settings() == [1, 7]


def test_a_second_stream_before_that_is_refused_as_not_processed(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        first = client.open()
        second = client.push()
        assert client.wait(h2.events.StreamReset, second).error_code == ErrorCodes.REFUSED_STREAM
        client.finish(first)
        assert client.answer(first) == 200
    assert len(apns.received) == 1


def test_a_refused_stream_leaves_its_connection_to_the_next_one(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        first, second = client.open(), client.push()
        client.wait(h2.events.StreamReset, second)
        client.finish(first)
        client.answer(first)
        assert client.answer(client.push()) == 200
    assert len({push.client for push in apns.received}) == 1


def test_a_refused_stream_is_logged_with_the_rule(
    apns: LocalApns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with RawClient(apns) as client:
        client.open()
        client.wait(h2.events.StreamReset, client.push())
    assert "SETTINGS_MAX_CONCURRENT_STREAMS" in caplog.text
    assert "Sending notification requests to APNs" in caplog.text


def test_after_it_many_may_be_under_way_at_once(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        streams = [client.open() for _ in range(50)]
        for stream in streams:
            client.finish(stream)
        assert {client.answer(stream) for stream in streams} == {200}


def test_one_more_than_the_configured_number_is_refused() -> None:
    with LocalApns(max_concurrent_streams=3) as apns, RawClient(apns) as client:
        client.answer(client.push())
        for _ in range(3):
            client.open()
        reset = client.wait(h2.events.StreamReset, client.push())
        assert reset.error_code == ErrorCodes.REFUSED_STREAM


@pytest.mark.parametrize("authorization", ["bearer x", ""])
def test_a_refused_provider_token_leaves_it_at_one(apns: LocalApns, authorization: str) -> None:
    with RawClient(apns) as client:
        assert client.answer(client.push(authorization=authorization)) == 403
        assert client.settings() == [1]


def test_an_expired_provider_token_takes_a_connection_back_to_one(apns: LocalApns) -> None:
    expired = provider_token(apns, claims={"iat": int(time.time()) - 3700})
    with RawClient(apns) as client:
        client.answer(client.push())
        client.answer(client.push(authorization=f"bearer {expired}"))
        client.answer(client.push())
        assert client.settings() == [1, 1000, 1, 1000]


def test_a_broken_request_with_a_valid_provider_token_raises_it_too(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        assert client.answer(client.push("0" * 64)) == 400
        assert client.settings() == [1, 1000]


def test_a_request_that_was_given_up_makes_room_again(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        first = client.open()
        client.connection.reset_stream(first)
        client.flush()
        client.settled()
        assert client.answer(client.push()) == 200


def test_under_load_connections_can_be_held_to_one_stream(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        apns.faults.one_stream = True
        client.answer(client.push())
        assert client.settings() == [1, 1000, 1]
        client.open()
        reset = client.wait(h2.events.StreamReset, client.push())
        assert reset.error_code == ErrorCodes.REFUSED_STREAM


def test_held_to_one_stream_new_connections_stay_at_one(apns: LocalApns) -> None:
    apns.faults.one_stream = True
    with RawClient(apns) as client:
        client.answer(client.push())
        assert client.settings() == [1]


def test_after_that_they_may_carry_many_again(apns: LocalApns) -> None:
    apns.faults.one_stream = True
    with RawClient(apns) as client:
        client.answer(client.push())
        apns.faults.one_stream = False
        client.answer(client.push())
        assert client.settings() == [1, 1000]


def test_a_delayed_answer_keeps_its_place(apns: LocalApns) -> None:
    apns.delay(30)
    with RawClient(apns) as client:
        client.push()
        apns.wait_for(1)
        apns.delay(0)
        apns.faults.one_stream = True
        reset = client.wait(h2.events.StreamReset, client.push())
        assert reset.error_code == ErrorCodes.REFUSED_STREAM


def test_a_told_refusal_of_the_provider_token_counts_as_one(
    apns: LocalApns, new_sender: Callable[[LocalApns], Sender]
) -> None:
    apns.answer_next(1, Answer.expired_provider_token())
    with RawClient(apns) as client:
        client.answer(client.push())
        assert client.settings() == [1]
        client.answer(client.push())
        assert client.settings() == [1, 1000]
