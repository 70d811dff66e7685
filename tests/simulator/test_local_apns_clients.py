"""Clients that others wrote for Apple's server succeed against it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioapns
import pycurl
import pytest
from aioapns.common import NotificationResult
from aioapns.connection import APNsDevelopmentClientProtocol

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .sender import TOKEN, Sender


@asynccontextmanager
async def aioapns_client(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aioapns.APNs]:
    monkeypatch.setattr(APNsDevelopmentClientProtocol, "APNS_SERVER", "127.0.0.1")
    monkeypatch.setattr(APNsDevelopmentClientProtocol, "APNS_PORT", apns.port)
    context = ssl.create_default_context(cafile=apns.ca_file)
    context.set_alpn_protocols(["h2"])
    client = aioapns.APNs(
        key=apns.key_pem,
        key_id=apns.key_id,
        team_id=apns.team_id,
        topic=f"{apns.bundle_id}.push-type.liveactivity",
        use_sandbox=True,
        ssl_context=context,
    )
    yield client
    client.pool.close()
    await asyncio.sleep(0.05)  # it closes its transports in the background


def end_push(token: str = TOKEN) -> aioapns.NotificationRequest:
    return aioapns.NotificationRequest(
        device_token=token,
        message={"aps": {"timestamp": int(time.time()), "event": "end"}},
        time_to_live=3600,
        priority=10,
        push_type=aioapns.PushType.LIVEACTIVITY,
    )


def test_aioapns_pushes_to_it(apns: LocalApns, monkeypatch: pytest.MonkeyPatch) -> None:
    async def push() -> NotificationResult:
        async with aioapns_client(apns, monkeypatch) as client:
            return await client.send_notification(end_push())

    assert asyncio.run(push()).is_successful
    (received,) = apns.accepted
    assert (received.event, received.problems) == ("end", ())


def test_aioapns_understands_its_refusals(apns: LocalApns, monkeypatch: pytest.MonkeyPatch) -> None:
    async def push() -> NotificationResult:
        async with aioapns_client(apns, monkeypatch) as client:
            return await client.send_notification(end_push())

    apns.answer(TOKEN, Answer.gone(1700000000))
    result = asyncio.run(push())
    assert (result.status, result.description) == ("410", "Unregistered")
    assert str(result.timestamp) == "1700000000000"


@pytest.mark.parametrize(
    "answer",
    [
        Answer.bad_device_token(),
        Answer.expired_token(1700000000),
        Answer.too_many_requests(),
        Answer.internal_server_error(),
        Answer.unavailable(5),
    ],
    ids=lambda answer: str(answer.reason),
)
def test_aioapns_reads_each_reason(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    async def push() -> NotificationResult:
        async with aioapns_client(apns, monkeypatch) as client:
            return await client.send_notification(end_push())

    apns.answer(TOKEN, answer)
    result = asyncio.run(push())
    assert (result.status, result.description) == (str(answer.status), answer.reason)


def test_aioapns_keeps_its_connection_after_refusals(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def push() -> list[NotificationResult]:
        async with aioapns_client(apns, monkeypatch) as client:
            await client.send_notification(end_push())
            return [await client.send_notification(end_push(f"{n:064x}")) for n in range(1, 41)]

    for number in range(1, 41, 2):
        apns.answer(f"{number:064x}", Answer.bad_device_token())
    results = [(result.status, result.description) for result in asyncio.run(push())]
    assert results == [("400", "BadDeviceToken"), ("200", None)] * 20
    assert len({push.client for push in apns.received}) == 1


def test_aioapns_goes_on_after_a_goaway(apns: LocalApns, monkeypatch: pytest.MonkeyPatch) -> None:
    async def push() -> list[str]:
        async with aioapns_client(apns, monkeypatch) as client:
            statuses = []
            for _ in range(3):
                statuses.append((await client.send_notification(end_push())).status)
                apns.faults.goaway()
                while client.pool.connections:  # it reads the frame in the background
                    await asyncio.sleep(0.01)
            return statuses

    assert asyncio.run(push()) == ["200"] * 3
    assert len({push.client for push in apns.accepted}) == 3


def test_aioapns_pushes_many_at_once(apns: LocalApns, monkeypatch: pytest.MonkeyPatch) -> None:
    async def push() -> list[NotificationResult]:
        async with aioapns_client(apns, monkeypatch) as client:
            # Before it has a first answer, a connection may carry one stream only; aioapns opens
            # more all the same, and waits for ever for those that are refused.
            await client.send_notification(end_push())
            pushes = (client.send_notification(end_push(f"{n:064x}")) for n in range(1, 301))
            return await asyncio.gather(*pushes)

    assert all(result.is_successful for result in asyncio.run(push()))
    assert len({push.token for push in apns.accepted}) == 301


def test_libcurl_pushes_to_it(apns: LocalApns, sender: Sender) -> None:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{apns.url}/3/device/{TOKEN}")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    curl.setopt(pycurl.CAINFO, str(apns.ca_file))
    curl.setopt(pycurl.HTTPHEADER, [f"{n}: {v}" for n, v in sender.headers().items()])
    curl.setopt(pycurl.POSTFIELDS, '{"aps": {}}')
    curl.perform()
    assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
    curl.close()
