"""A request in, a judgement, an answer or a fault out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from flask_allmine_liveactivity.simulator.answers import Answer, Fault
from flask_allmine_liveactivity.simulator.broadcast import MAX_BROADCAST
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.devices import Devices
from flask_allmine_liveactivity.simulator.judge import Judge, Judgement
from flask_allmine_liveactivity.simulator.payload import (
    EVENTS,
    MAX_PAYLOAD,
    problems_of,
    read_payload,
)
from flask_allmine_liveactivity.simulator.provider_token import bearer
from flask_allmine_liveactivity.simulator.received import Received, Records
from flask_allmine_liveactivity.simulator.request import (
    Kind,
    Request,
    fingerprint,
    request_of,
)
from flask_allmine_liveactivity.simulator.rules import is_canonical_uuid
from flask_allmine_liveactivity.simulator.stream import Stream
from flask_allmine_liveactivity.simulator.told import ToldAnswers

log = logging.getLogger("flask_allmine_liveactivity.simulator")


class Gateway:
    """Judges requests as Apple does, records them, hands them on, and answers.

    Args:
        judge: Says what to answer.
        environment: ``sandbox`` or ``production``.
        told: What it was told: here, to be late.
        records: Where pushes are recorded.
        devices: The phones behind it, if there are any.
        on_push: Called with each push once it has been judged, before it is answered.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        environment: str,
        told: ToldAnswers,
        records: Records,
        devices: Devices | None,
        on_push: Callable[[Received], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._judge = judge
        self._environment = environment
        self._told = told
        self._records = records
        self._devices = devices
        self._on_push = on_push
        self._clock = clock

    def __call__(self, stream: Stream, connection: Connection) -> None:
        """Answer a request, at once or as late as it was told to be."""
        delay = self._told.delay
        last_processed = connection.last_processed
        connection.last_processed = max(stream.id, last_processed)
        request = request_of(stream, connection, self._clock())
        judgement = self._judge.judge(request)
        headers = self._headers_of(request, judgement.answer, self._take_note(request, judgement))

        def answer() -> None:
            self._answer(stream, connection, judgement, headers, last_processed)

        if delay > 0:
            stream.later(delay, answer)
        else:
            answer()

    def _answer(
        self,
        stream: Stream,
        connection: Connection,
        judgement: Judgement,
        headers: list[tuple[bytes, bytes]],
        last_processed: int,
    ) -> None:
        answer = judgement.answer
        last_word = self._judge.last_word(connection, judgement)
        match answer.fault:
            case Fault.SILENCE:
                connection.be_silent()
            case Fault.CUT:
                connection.cut()
            case Fault.GOAWAY:
                connection.goaway(last_word or "", last_processed)
                connection.abandon(stream.id)
            case Fault.RESET:
                stream.reset()
            case None:
                stream.answer(answer.status, headers, answer.body)
                if last_word is not None:
                    connection.goaway(last_word)

    def _take_note(self, request: Request, judgement: Judgement) -> str:
        """Record a push and hand it on; what comes back is the id of the request."""
        sent_id = request.headers.get(request.id_header, "")
        request_id = sent_id if is_canonical_uuid(sent_id) else str(uuid.uuid4())
        if request.kind in (Kind.CHANNELS, Kind.ALL_CHANNELS):
            _explain(f"{request.method} {request.path:.200}", judgement, ())
            return request_id
        received = _record_of(request, judgement, request_id)
        _explain(_name_of(received), judgement, received.problems)
        if self._devices is not None and judgement.answer.reaches_phones:
            if judgement.channel_id is None:
                self._devices.receive(received)
            else:
                self._devices.broadcast(judgement.channel_id, received)
        self._records.add(received)
        self._call_on_push(received)
        return request_id

    def _call_on_push(self, received: Received) -> None:
        if self._on_push is None:
            return
        try:
            self._on_push(received)
        except Exception:
            # It is the test's code, not Apple's: the push is answered all the same.
            log.exception("on_push failed")

    def _headers_of(
        self, request: Request, answer: Answer, request_id: str
    ) -> list[tuple[bytes, bytes]]:
        headers = [(request.id_header.encode(), request_id.encode())]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers]
        if answer.body:
            headers.append((b"content-type", b"application/json"))
        if answer.retry_after is not None:
            headers.append((b"retry-after", str(answer.retry_after).encode()))
        # Apple, "Handling notification responses from APNs": of the development environment only.
        if answer.status == 200 and self._environment == "sandbox":
            headers.append((b"apns-unique-id", str(uuid.uuid4()).encode()))
        return headers


def _explain(what: str, judgement: Judgement, problems: tuple[str, ...]) -> None:
    answer = judgement.answer
    source = f' Source: Apple, "{judgement.source}".' if judgement.source else ""
    if answer.fault is not None:
        log.info("No answer, but %s (%s): %s", answer.fault.value, what, judgement.why)
    elif answer.status >= 300:
        log.info("%d %s (%s): %.1000s%s", answer.status, answer.reason, what, judgement.why, source)
    elif problems:
        log.info("200, but the phone would drop it (%s): %s", what, " ".join(problems))
    else:
        log.info("%d (%s)", answer.status, what)


def _name_of(received: Received) -> str:
    """What a push is called in the log: enough to find it, and nothing secret."""
    event = "no event" if received.event is None else f"event {_shown(received.event)}"
    if received.channel_id is not None:
        return f"broadcast to {received.channel_id}, {event}"
    token = fingerprint(received.token) if received.token else "none"
    return f"token {token}, {event}, priority {received.headers.get('apns-priority', '10'):.8}"


def _shown(event: object) -> str:
    """Whatever was sent as the event, on one line."""
    return str(event) if event in EVENTS else repr(event)[:16]


def _record_of(request: Request, judgement: Judgement, request_id: str) -> Received:
    answer = judgement.answer
    limit = MAX_BROADCAST if request.kind is Kind.BROADCAST else MAX_PAYLOAD
    return Received(
        token=request.token or "",
        path=request.path,
        headers=request.headers,
        payload=read_payload(request.body),
        body=request.body,
        status=answer.status,
        reason=answer.reason,
        apns_id=request_id,
        provider_token=bearer(request.headers.get("authorization")),
        at=request.at,
        client=request.connection.client,
        problems=problems_of(request.body, request.at, limit) if request.body else (),
        fault=answer.fault,
        channel_id=judgement.channel_id,
        why=judgement.why,
        source=judgement.source,
    )
