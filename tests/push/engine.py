"""The `apns` engine on a local APNs, and pushes for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity.model import Push, PushResult, Session, new_apns_ids
from flask_allmine_liveactivity.push.apns.client import ApnsPush, topic_of
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.push.payload import end_payload
from flask_allmine_liveactivity.simulator import Answer, LocalApns

STREAM = "65f000000000000000000001"
TOKEN = "ab" * 80
PAYLOAD = end_payload(
    timestamp=int(time.time()), content_state=None, alert=None, dismissal_date=None
)


def a_token(number: int) -> str:
    return f"{number:0160x}".replace("0", "e", 1)


def a_session(token: str = TOKEN, **given: Any) -> Session:
    now = time.time()
    plain: dict[str, Any] = {
        "session_id": f"session-{token[-12:]}",
        "user_id": "alice",
        "device_id": "iphone",
        "activity_id": f"activity-{token[-12:]}",
        "stream_id": STREAM,
        "token": token,
        "identity": f"identity-{token[-12:]}",
        "activity_lock": f"hold-{token[-12:]}",
        "registered_at": now,
        "token_seen_at": now,
        "expires_at": now + 12 * 3600,
    }
    return Session(**{**plain, **given})


def a_push(token: str = TOKEN, **given: Any) -> Push:
    session = a_session(token)
    plain: dict[str, Any] = {
        "token": token,
        "payload": PAYLOAD,
        "apns_id": next(new_apns_ids()),
        "priority": 10,
        "expiration": int(session.expires_at),
        "target": session,
    }
    return Push(**{**plain, **given})


def pushes(count: int) -> list[Push]:
    return [a_push(a_token(number)) for number in range(1, count + 1)]


@contextmanager
def engine(
    apns: LocalApns,
    *,
    connections: int = 1,
    clock: Callable[[], float] = time.time,
    bundle_id: str | None = None,
    **endpoint: Any,
) -> Iterator[ApnsPush]:
    """An engine that pushes to `apns` as its one developer."""
    provider_token = ProviderToken(
        read_signing_key(apns.key_pem), apns.key_id, apns.team_id, clock=clock
    )
    given = {
        "url": apns.url,
        "topic": topic_of(bundle_id or apns.bundle_id),
        "ca": str(apns.ca_file),
    }
    push = ApnsPush(Endpoint(**{**given, **endpoint}), provider_token, connections)
    try:
        yield push
    finally:
        push.close()


def send_one(push: ApnsPush, one: Push | None = None) -> PushResult:
    (result,) = push.send([one or a_push()])
    return result


@dataclass(frozen=True)
class RawAnswer(Answer):
    """An answer with any body."""

    raw: bytes = b""

    @property
    def body(self) -> bytes:
        return self.raw


class Clock:
    """A clock that is turned by hand."""

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        return self.now


# Tokens of production and of the sandbox, where there are two local Apples.
P, S = a_token(1), a_token(2)


def a_push_to(token: str, environment: str | None = None) -> Push:
    return a_push(token, environment=environment)


def by_token(results: Iterator[PushResult]) -> dict[str, PushResult]:
    return {result.push.token: result for result in results}
