"""The ASGI application: a request in, Apple's checks in Apple's order, an answer out."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask_allmine_liveactivity.simulator.answers import NO_ANSWER, Answer, ToldAnswers
from flask_allmine_liveactivity.simulator.payload import problems_of, read_payload
from flask_allmine_liveactivity.simulator.provider_token import ProviderTokens, bearer
from flask_allmine_liveactivity.simulator.received import Received, Records
from flask_allmine_liveactivity.simulator.request import Request, fingerprint
from flask_allmine_liveactivity.simulator.rules import (
    check_headers,
    check_route,
    check_size,
    check_token,
    is_canonical_uuid,
)
from flask_allmine_liveactivity.simulator.server import CONNECTION
from flask_allmine_liveactivity.simulator.stream import end_with_headers, reset

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

log = logging.getLogger("flask_allmine_liveactivity.simulator")

_AS_TOLD = "as it was told to answer."


class Gateway:
    """Judges pushes as Apple does, records them, and answers.

    Args:
        bundle_id: Of the one app it serves.
        environment: ``sandbox`` or ``production``.
        provider_tokens: Checks provider tokens.
        told: What it was told to answer otherwise.
        records: Where requests are recorded.
        tokens_of_other_environment: Device tokens that are refused.
        on_push: Called with each request once it has been judged, before it is answered.
    """

    def __init__(
        self,
        *,
        bundle_id: str,
        environment: str,
        provider_tokens: ProviderTokens,
        told: ToldAnswers,
        records: Records,
        tokens_of_other_environment: Collection[str],
        on_push: Callable[[Received], None] | None,
    ) -> None:
        self._bundle_id = bundle_id
        self._environment = environment
        self._provider_tokens = provider_tokens
        self._told = told
        self._records = records
        self._tokens_of_other_environment = tokens_of_other_environment
        self._on_push = on_push

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":  # CONNECT, which Hypercorn takes for a web socket
            return
        if scope["http_version"] != "2":
            log.info("505: a client speaks HTTP/%s, and must speak HTTP/2.", scope["http_version"])
            await _send(send, 505, [], b"Apple speaks HTTP/2 only.\n")
            return
        body = await _read_body(receive)
        if body is None:
            return
        request = _request_of(scope, body)
        answer, why = self._judge(request)
        received = _record_of(request, answer)
        _explain(received, why)
        self._take_note(received)
        if await _is_gone_within(self._told.delay, receive):
            return
        headers = self._headers_of(answer, received.apns_id)
        if answer.status == NO_ANSWER:
            await reset(send)
        elif not answer.body:
            await end_with_headers(send, answer.status, headers)
        await _send(send, answer.status or 500, headers, answer.body)

    def _judge(self, request: Request) -> tuple[Answer, str]:
        """What to answer, and why it is not 200."""
        refusal = check_route(request)
        token = request.token or ""
        if refusal is None:
            if (told := self._told.for_all) is not None:
                return told, _AS_TOLD
            refusal = (
                self._provider_tokens.check(
                    request.headers.get("authorization"), request.connection, request.at
                )
                or check_headers(request, self._bundle_id)
                or check_size(request)
                or check_token(token, self._tokens_of_other_environment)
            )
        if refusal is not None:
            return Answer(refusal.status, refusal.reason), refusal.why
        return self._told.take(token) or Answer.accepted(), _AS_TOLD

    def _take_note(self, received: Received) -> None:
        self._records.add(received)
        if self._on_push is None:
            return
        try:
            self._on_push(received)
        except Exception:
            # It is the test's code, not Apple's: the push is answered all the same.
            log.exception("on_push failed")

    def _headers_of(self, answer: Answer, apns_id: str) -> list[tuple[bytes, bytes]]:
        headers = [(b"apns-id", apns_id.encode())]
        if answer.retry_after is not None:
            headers.append((b"retry-after", str(answer.retry_after).encode()))
        # Apple, "Handling notification responses from APNs": of the development environment only.
        if answer.status == 200 and self._environment == "sandbox":
            headers.append((b"apns-unique-id", str(uuid.uuid4()).encode()))
        return headers


def _explain(received: Received, why: str) -> None:
    token = fingerprint(received.token) if received.token else "none"
    if received.status == NO_ANSWER:
        log.info("Stream reset (token %s): %s", token, why)
    elif received.status != 200:
        log.info("%d %s (token %s): %s", received.status, received.reason, token, why)
    elif received.problems:
        log.info(
            "200, but the phone would drop it (token %s): %s", token, " ".join(received.problems)
        )


def _request_of(scope: HTTPScope, body: bytes) -> Request:
    headers: dict[str, str] = {}
    repeated: list[str] = []
    for raw_name, raw_value in scope["headers"]:
        name = _text(raw_name)
        if name in headers:
            repeated.append(name)
        headers[name] = _text(raw_value)
    path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
    return Request(
        method=scope["method"],
        path=f"{path}?{query}" if query else path,
        headers=headers,
        repeated_headers=tuple(repeated),
        body=body,
        connection=scope["state"][CONNECTION],
        at=time.time(),
    )


def _record_of(request: Request, answer: Answer) -> Received:
    apns_id = request.headers.get("apns-id", "")
    return Received(
        token=request.token or "",
        path=request.path,
        headers=request.headers,
        payload=read_payload(request.body),
        body=request.body,
        status=answer.status,
        reason=answer.reason,
        apns_id=apns_id if is_canonical_uuid(apns_id) else str(uuid.uuid4()),
        provider_token=bearer(request.headers.get("authorization")),
        at=request.at,
        client=request.connection.client,
        problems=problems_of(request.body, request.at) if request.body else (),
    )


@lru_cache(maxsize=1024)
def _text(raw: bytes) -> str:
    """A header's name or value; the same object for the same bytes, so that records stay small."""
    return raw.decode("latin-1")


async def _read_body(receive: ASGIReceiveCallable) -> bytes | None:
    """The whole body, or ``None`` where the client has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _is_gone_within(seconds: float, receive: ASGIReceiveCallable) -> bool:
    """Wait, and say whether the client has gone meanwhile.

    Hypercorn never comes back from an answer to a connection that is closed.
    """
    if seconds <= 0:
        return False
    try:
        await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        return False
    return True


async def _send(
    send: ASGISendCallable, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    end: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)
