"""Answers frame by frame: they end with what they carry, and wait for room where there is none."""

from __future__ import annotations

import json
import logging

import h2.events
import pytest
from h2.errors import ErrorCodes

from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.simulator.channels import StoragePolicy

from .frames import BODY, RawClient
from .sender import TOKEN

CHANNELS = "/1/apps/com.example.allmine/channels"
BROADCASTS = "/4/broadcasts/apps/com.example.allmine"
CHANNEL = b'{"message-storage-policy": 1, "push-type": "LiveActivity"}'
HEADERS_ONLY = ["HEADERS+"]
HEADERS_AND_DATA = ["HEADERS", "DATA+"]


@pytest.fixture(autouse=True)
def no_channels(apns: LocalApns) -> None:
    apns.channels.clear()


def send(client: RawClient, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    stream = client.begin(method, path, **headers)
    client.finish(stream, body)
    return stream


def broadcast(client: RawClient, channel_id: str) -> int:
    return send(
        client,
        "POST",
        BROADCASTS,
        BODY,
        apns_channel_id=channel_id,
        apns_expiration="0",
        apns_priority="10",
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer.bad_device_token(),
        Answer.expired_provider_token(),
        Answer.gone(1_700_000_000),
        Answer.too_many_requests(5),
        Answer.unavailable(),
    ],
    ids=lambda answer: str(answer.reason),
)
def test_a_refusal_is_headers_and_one_frame_of_data_that_ends_it(
    apns: LocalApns, answer: Answer
) -> None:
    apns.answer(TOKEN, answer)
    with RawClient(apns) as client:
        stream = client.push()
        assert client.frames(stream) == HEADERS_AND_DATA
        assert json.loads(client.body(stream))["reason"] == answer.reason


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/3/device/{TOKEN}"),  # without a topic
        ("GET", f"/3/device/{TOKEN}"),
        ("POST", "/3/device/"),
        ("POST", "/3/device/%C3%A4"),
        ("POST", "/3/device/ä"),
        ("POST", "/"),
        ("OPTIONS", "*"),
        ("CONNECT", ""),
        ("POST", BROADCASTS),
        ("PUT", BROADCASTS),
        ("POST", CHANNELS),
        ("DELETE", CHANNELS),
    ],
)
def test_so_is_any_other(apns: LocalApns, method: str, path: str) -> None:
    with RawClient(apns) as client:
        stream = send(client, method, path)
        assert client.frames(stream) == HEADERS_AND_DATA
        assert json.loads(client.body(stream)).keys() == {"reason"}
        assert client.answer(client.push()) == 200  # the connection has taken no harm


def test_an_accepted_push_is_headers_only(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        assert client.frames(client.push()) == HEADERS_ONLY


def test_an_accepted_broadcast_is_headers_only(apns: LocalApns) -> None:
    channel_id = apns.channels.create() or ""
    with RawClient(apns) as client:
        assert client.frames(broadcast(client, channel_id)) == HEADERS_ONLY


def test_a_channel_made_or_deleted_is_headers_only(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        assert client.frames(send(client, "POST", CHANNELS, CHANNEL)) == HEADERS_ONLY
        (channel_id,) = apns.channels.ids
        deleted = send(client, "DELETE", CHANNELS, apns_channel_id=channel_id)
        assert client.frames(deleted) == HEADERS_ONLY


def test_a_channel_that_is_read_is_one_frame_of_data(apns: LocalApns) -> None:
    channel_id = apns.channels.create(StoragePolicy.LATEST) or ""
    with RawClient(apns) as client:
        stream = send(client, "GET", CHANNELS, apns_channel_id=channel_id)
        assert client.frames(stream) == HEADERS_AND_DATA


def test_an_answer_to_head_has_no_data(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        assert client.frames(send(client, "HEAD", f"/3/device/{TOKEN}")) == HEADERS_ONLY


def test_a_long_list_comes_in_full_frames_and_the_last_one_ends_it(apns: LocalApns) -> None:
    for _ in range(1500):
        apns.channels.create()
    with RawClient(apns) as client:
        stream = send(client, "GET", "/1/apps/com.example.allmine/all-channels")
        assert client.frames(stream) == ["HEADERS", "DATA", "DATA", "DATA+"]
        assert json.loads(client.body(stream)) == {"channels": apns.channels.ids}


# --- flow control --------------------------------------------------------------------------------


def test_an_answer_waits_for_room(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(0)
        stream = client.push("0" * 64)
        client.wait(h2.events.ResponseReceived, stream)
        client.settled()
        assert client.body(stream) == b""
        client.connection.increment_flow_control_window(100, stream)
        client.flush()
        assert client.frames(stream) == HEADERS_AND_DATA


def test_it_goes_on_in_as_many_frames_as_the_room_allows(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(20)
        stream = client.push("0" * 64)
        client.settled()
        assert len(client.body(stream)) == 20
        client.connection.increment_flow_control_window(100, stream)
        client.flush()
        assert client.frames(stream) == ["HEADERS", "DATA", "DATA+"]


def test_room_for_all_streams_is_room_for_this_one(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(0)
        stream = client.push("0" * 64)
        client.settled()
        client.take_at_most(1000)
        assert client.frames(stream) == HEADERS_AND_DATA


def test_a_stream_whose_answer_waits_for_room_is_still_a_stream() -> None:
    with LocalApns(max_concurrent_streams=2) as apns, RawClient(apns) as client:
        client.answer(client.push())
        client.take_at_most(0)
        waiting = [client.push("0" * 64) for _ in range(2)]
        reset = client.wait(h2.events.StreamReset, client.push())
        assert reset.error_code == ErrorCodes.REFUSED_STREAM
        client.connection.increment_flow_control_window(100, waiting[0])
        client.flush()
        client.frames(waiting[0])
        assert client.answer(client.push()) == 200


def test_one_stream_whose_answer_is_partly_sent_is_one_stream(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(5)
        client.push(authorization="bearer x")
        reset = client.wait(h2.events.StreamReset, client.push())
        assert reset.error_code == ErrorCodes.REFUSED_STREAM


def test_whoever_gives_an_answer_up_makes_room(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(0)
        stream = client.push(authorization="bearer x")
        client.wait(h2.events.ResponseReceived, stream)
        client.connection.reset_stream(stream)
        client.flush()
        assert client.answer(client.push()) == 200


def test_a_goaway_waits_for_an_answer_that_waits_for_room(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.take_at_most(0)
        stream = client.push("0" * 64)
        client.wait(h2.events.ResponseReceived, stream)
        apns.faults.goaway()
        client.wait(h2.events.ConnectionTerminated)
        client.connection.increment_flow_control_window(100, stream)
        client.flush()
        assert client.frames(stream) == HEADERS_AND_DATA
        client.until_closed()


# --- without ALPN --------------------------------------------------------------------------------


def test_a_client_without_alpn_may_have_as_many_under_way(apns: LocalApns) -> None:
    with RawClient(apns, alpn=False) as client:
        assert client.answer(client.push()) == 200
        assert client.settings() == [1, 1000]
        streams = [client.open() for _ in range(50)]
        for stream in streams:
            client.finish(stream)
        assert {client.answer(stream) for stream in streams} == {200}
    assert len({push.client for push in apns.received}) == 1


def test_before_that_one_too_many_is_refused_alone(apns: LocalApns) -> None:
    with RawClient(apns, alpn=False) as client:
        first = client.open()
        second = client.push()
        assert client.wait(h2.events.StreamReset, second).error_code == ErrorCodes.REFUSED_STREAM
        client.finish(first)
        assert client.answer(first) == 200


# --- how clients end ------------------------------------------------------------------------------


def goaway(client: RawClient) -> None:
    client.socket.sendall(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))


@pytest.mark.parametrize("unfinished", [False, True])
def test_what_is_under_way_when_a_client_says_goaway_is_answered(
    apns: LocalApns, unfinished: bool
) -> None:
    apns.delay(0.05)
    with RawClient(apns) as client:
        if unfinished:
            stream = client.open()
            goaway(client)
            client.settled()
            client.finish(stream)
        else:
            stream = client.push()
            goaway(client)
        assert client.answer(stream) == 200
        client.until_closed()


def test_a_request_without_end_is_not_kept(apns: LocalApns) -> None:
    with RawClient(apns) as client:
        client.answer(client.push())
        stream = client.open()
        for _ in range(1500):
            client.connection.send_data(stream, b"x" * 1000)
            if client.connection.local_flow_control_window(stream) < 1000:
                client.flush()
                client.settled()
                client.events.clear()
        client.finish(stream, b"")
        assert client.answer(stream) == 413
    assert len(apns.received[-1].body) == 1 << 20


def test_of_a_broken_connection_no_header_is_logged(
    apns: LocalApns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with RawClient(apns) as client:
        client.begin("POST", f"/3/device/{TOKEN}", authorization=f" bearer {client.token} ")
        client.until_closed()
    ended = [text for text in caplog.messages if "rule of HTTP/2" in text]
    assert ended == ["A connection breaks a rule of HTTP/2, and is ended: ProtocolError."]
    assert client.token not in caplog.text
