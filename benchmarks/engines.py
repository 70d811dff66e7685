"""The engine alone beside others, over one connection: pushes a second."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hosts import BUNDLE, a_key, a_token

from flask_allmine_liveactivity.model import Push, Session, new_apns_ids
from flask_allmine_liveactivity.push.apns.client import ApnsPush, topic_of
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key

CLIENTS = Path(__file__).parent / "clients"
KEY_ID, TEAM_ID = "KEY1234567", "TEAM123456"
TOPIC = topic_of(BUNDLE)
# What Apple allows at the least on a connection, and what the sink allows.
IN_FLIGHT = 1000
PAYLOAD = json.dumps(
    {
        "aps": {
            "timestamp": 1_790_000_000,
            "event": "end",
            "dismissal-date": 1_790_000_000,
            "content-state": {"status": "started", "startsAt": 1_790_000_000, "title": "x" * 60},
        }
    }
).encode()


def ours(url: str, ca: str, count: int) -> dict[str, float]:
    """The engine of this package."""
    token = ProviderToken(read_signing_key(a_key()), KEY_ID, TEAM_ID)
    push = ApnsPush(Endpoint(url, TOPIC, ca), token)
    for warm_up in (1, 2000):
        assert _all_delivered(push, warm_up)
    began = time.perf_counter()
    assert _all_delivered(push, count)
    seconds = time.perf_counter() - began
    push.close()
    return {"per_second": count / seconds}


def _all_delivered(push: ApnsPush, count: int) -> bool:
    return sum(result.status == 200 for result in push.send(_pushes(count))) == count


def _pushes(count: int) -> Iterator[Push]:
    session: Any = Session.__new__(Session)
    apns_ids = new_apns_ids()
    for number in range(count):
        yield Push(
            token=a_token(number),
            payload=PAYLOAD,
            apns_id=next(apns_ids),
            priority=10,
            expiration=1_790_000_000,
            target=session,
        )


def bare_libcurl(url: str, ca: str, count: int) -> dict[str, float]:
    """pycurl in the shortest loop that sends the same requests, and looks only at the status."""
    import pycurl

    bearer = ProviderToken(read_signing_key(a_key()), KEY_ID, TEAM_ID).current()
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, IN_FLIGHT)
    apns_ids = new_apns_ids()

    def handle() -> Any:
        made = pycurl.Curl()
        for option, value in (
            (pycurl.POST, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.PIPEWAIT, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.CAINFO, ca),
            (pycurl.POSTFIELDS, PAYLOAD),
            (pycurl.WRITEFUNCTION, len),
        ):
            made.setopt(option, value)
        return made

    def start(handle: Any, number: int) -> None:
        handle.setopt(pycurl.URL, f"{url}/3/device/{a_token(number)}")
        headers = [
            f"authorization: bearer {bearer}",
            "apns-push-type: liveactivity",
            f"apns-topic: {TOPIC}",
            "content-type: application/json",
            "apns-priority: 10",
            "apns-expiration: 1790000000",
            f"apns-id: {next(apns_ids)}",
        ]
        handle.setopt(pycurl.HTTPHEADER, headers)
        multi.add_handle(handle)

    def send(count: int, in_flight: int) -> None:
        numbers = iter(range(count))
        flying = 0
        for number in itertools.islice(numbers, in_flight):
            start(handles[number], number)
            flying += 1
        while flying:
            multi.perform()
            more = 1
            while more:
                more, good, bad = multi.info_read()
                assert not bad, bad
                for done in good:
                    assert done.getinfo(pycurl.RESPONSE_CODE) == 200
                    multi.remove_handle(done)
                    flying -= 1
                    number = next(numbers, None)
                    if number is not None:
                        start(done, number)
                        flying += 1
            multi.select(1.0)

    handles = [handle() for _ in range(IN_FLIGHT)]
    send(1, 1)
    # Near the sink fewer in flight are quicker; far from it they are too few. The better counts.
    rates = []
    for in_flight in (100, IN_FLIGHT):
        began = time.perf_counter()
        send(count, in_flight)
        rates.append(count / (time.perf_counter() - began))
    return {"per_second": max(rates)}


def aioapns(url: str, ca: str, count: int, in_flight: int) -> dict[str, float]:
    """The usual choice in Python."""
    from aioapns import APNs, NotificationRequest, PushType

    async def run() -> float:
        host, _, port = url.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols(["h2"])
        apns = APNs(
            key=a_key(),
            key_id=KEY_ID,
            team_id=TEAM_ID,
            topic=TOPIC,
            ssl_context=context,
            max_connections=1,
        )
        # It has no setting for where to push; and no types.
        protocol: Any = apns.pool.protocol_class  # type: ignore[attr-defined]
        protocol.APNS_SERVER, protocol.APNS_PORT = host, int(port)
        message = json.loads(PAYLOAD)
        room = asyncio.Semaphore(in_flight)

        async def send(number: int) -> None:
            async with room:
                answer = await apns.send_notification(
                    NotificationRequest(
                        device_token=a_token(number),
                        message=message,
                        push_type=PushType.LIVEACTIVITY,
                        priority=10,
                    )
                )
                assert answer.is_successful

        await send(0)
        began = time.perf_counter()
        await asyncio.gather(*(send(number) for number in range(count)))
        return count / (time.perf_counter() - began)

    return {"per_second": asyncio.run(run())}


def httpx2(url: str, ca: str, count: int) -> dict[str, float]:
    """A general client of Python's, with HTTP/2."""
    import httpx2 as httpx

    bearer = ProviderToken(read_signing_key(a_key()), KEY_ID, TEAM_ID).current()
    headers = {
        "authorization": f"bearer {bearer}",
        "apns-push-type": "liveactivity",
        "apns-topic": TOPIC,
        "apns-priority": "10",
    }

    async def run() -> float:
        limits = httpx.Limits(max_connections=1)
        context = ssl.create_default_context(cafile=ca)
        async with httpx.AsyncClient(
            http2=True, http1=False, verify=context, limits=limits, timeout=60
        ) as client:
            room = asyncio.Semaphore(100)

            async def send(number: int) -> None:
                async with room:
                    where = f"{url}/3/device/{a_token(number)}"
                    answer = await client.post(where, content=PAYLOAD, headers=headers)
                    assert answer.status_code == 200

            await send(0)
            began = time.perf_counter()
            await asyncio.gather(*(send(number) for number in range(count)))
            return count / (time.perf_counter() - began)

    return {"per_second": asyncio.run(run())}


def mopyapns(url: str, ca: str, count: int) -> dict[str, float]:
    """``apns2`` of today: one push after the other."""
    import tempfile
    from enum import Enum

    import httpx
    from apns2.client import APNsClient
    from apns2.credentials import TokenCredentials

    class LiveActivity(Enum):
        TYPE = "liveactivity"

    class Payload:
        alert = badge = sound = None

        def dict(self) -> Any:
            return json.loads(PAYLOAD)

    with tempfile.NamedTemporaryFile("w", suffix=".p8") as key:
        key.write(a_key())
        key.flush()
        client = APNsClient(TokenCredentials(key.name, KEY_ID, TEAM_ID), use_sandbox=True)
    # It knows Apple's servers only.
    inside: Any = client
    host, _, port = url.removeprefix("https://").partition(":")
    inside._server, inside._port = host, int(port)
    context = ssl.create_default_context(cafile=ca)
    inside._connection = httpx.Client(http2=True, http1=False, verify=context)

    def send(number: int) -> None:
        kind: Any = LiveActivity.TYPE
        payload: Any = Payload()
        answer = client.send_notification_async(a_token(number), payload, TOPIC, push_type=kind)
        assert answer.status_code == 200

    send(0)
    began = time.perf_counter()
    for number in range(count):
        send(number)
    return {"per_second": count / (time.perf_counter() - began)}


def node_http2(url: str, ca: str, count: int, in_flight: int) -> dict[str, float]:
    """node's own client."""
    return _node("http2.mjs", url=url, ca=ca, count=count, inFlight=in_flight)


def npm_apns2(url: str, ca: str, count: int, in_flight: int, package: str) -> dict[str, float]:
    """The npm package of that name."""
    given = {"url": url, "ca": ca, "count": count, "inFlight": in_flight}
    return _node("apns2.mjs", package=package, **given)


def _node(script: str, **given: Any) -> dict[str, float]:
    bearer = ProviderToken(read_signing_key(a_key()), KEY_ID, TEAM_ID).current()
    more = {
        "bearer": bearer,
        "key": a_key(),
        "keyId": KEY_ID,
        "team": TEAM_ID,
        "topic": TOPIC,
        "payload": PAYLOAD.decode(),
    }
    done = subprocess.run(
        ["node", str(CLIENTS / script)],
        input=json.dumps({**given, **more}).encode(),
        stdout=subprocess.PIPE,
        check=True,
        env={"NODE_EXTRA_CA_CERTS": given["ca"], "PATH": "/usr/bin:/usr/local/bin:/bin"},
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def h2load(url: str, ca: str, count: int) -> dict[str, float]:
    """The load generator of nghttp2, in C: it sends one request again and again."""
    import tempfile

    bearer = ProviderToken(read_signing_key(a_key()), KEY_ID, TEAM_ID).current()
    with tempfile.NamedTemporaryFile() as body:
        body.write(PAYLOAD)
        body.flush()
        done = subprocess.run(
            [
                "h2load", f"--requests={count}", "--clients=1",
                f"--max-concurrent-streams={IN_FLIGHT}",
                f"--data={body.name}", f"--header=authorization: bearer {bearer}",
                "--header=apns-push-type: liveactivity", f"--header=apns-topic: {TOPIC}",
                "--header=apns-priority: 10", f"{url}/3/device/{a_token(1)}",
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
    assert f"{count} succeeded" in done.stdout, done.stdout
    found = re.search(r"finished in [^,]+, ([\d.]+) req/s", done.stdout)
    assert found is not None
    return {"per_second": float(found.group(1))}


MEASURES = {
    "ours": ours,
    "bare_libcurl": bare_libcurl,
    "h2load": h2load,
    "node_http2": node_http2,
    "npm_apns2": npm_apns2,
    "aioapns": aioapns,
    "httpx2": httpx2,
    "mopyapns": mopyapns,
}
