"""Phones on a desk, with a clock to turn and a backend that notes down what it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_allmine_liveactivity.simulator import Answer, Received
from flask_allmine_liveactivity.simulator.phones import Activity, Backend, Phone, Phones

BUNDLE_ID = "com.example.allmine"
STREAM = "65f000000000000000000001"
BEGINNING = 1_800_000_000.0
HOUR = 3600.0
PASSWORD = "right"  # noqa: S105


@dataclass
class Clock:
    """Stands still until it is told."""

    now: float = BEGINNING

    def __call__(self) -> float:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Host:
    """A backend: what apps tell it, and what it answers them."""

    registered: list[dict[str, Any]] = field(default_factory=list)
    logged_out: list[dict[str, Any]] = field(default_factory=list)
    log_ins: int = 0
    answers: list[int] = field(default_factory=list)
    """For the next registrations; 0: none comes."""

    def send(
        self, method: str, path: str, body: Mapping[str, Any], token: str | None
    ) -> tuple[int, Any]:
        assert method == "POST"
        if path == "/api/v1/login":
            self.log_ins += 1
            if body["password"] != PASSWORD:
                return 401, None
            return 200, {"accessToken": f"{body['username']}-{self.log_ins}"}
        if path == "/api/v1/logout":
            self.logged_out.append({**body, "by": token})
            return 200, {"success": True}
        assert path == "/api/v1/notifications/live-activity-sessions"
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            raise ConnectionRefusedError("nobody listens")
        self.registered.append({**body, "by": token, "status": status})
        return status, {"success": True} if status == 200 else {"errors": [f"No: {status}"]}

    @property
    def tokens(self) -> list[str]:
        """The tokens it was told, in their order."""
        return [body["liveActivityToken"] for body in self.registered]

    def log_in(self, phone: Phone, username: str = "ada") -> None:
        phone.log_in(Backend(self.send), username, PASSWORD)


class Apple:
    """Accepts and refuses as Apple does, without a socket."""

    def __init__(self, phones: Phones, clock: Clock) -> None:
        self.phones = phones
        self.clock = clock

    def refusal(
        self, token: str, *, bundle_id: str = BUNDLE_ID, environment: str = "sandbox"
    ) -> Answer | None:
        return self.phones.refusal(
            token, bundle_id=bundle_id, environment=environment, at=self.clock.now
        )

    def received(self, token: str, aps: Mapping[str, Any], **headers: str | None) -> Received:
        """A push that was accepted, kept for an hour; a header of ``None`` is left out."""
        given: dict[str, str | None] = {"apns-expiration": str(int(self.clock.now + HOUR))}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        payload = {"aps": dict(aps)}
        return Received(
            token=token,
            path=f"/3/device/{token}",
            headers={name: value for name, value in given.items() if value is not None},
            payload=payload,
            body=json.dumps(payload).encode(),
            status=200,
            reason=None,
            apns_id="123e4567-e89b-12d3-a456-426655440000",
            provider_token=None,
            at=self.clock.now,
        )

    def push(self, to: Activity | str, aps: Mapping[str, Any], **headers: str | None) -> None:
        """Accept a push, whatever is known of its token."""
        token = to if isinstance(to, str) else to.token
        assert token is not None
        self.phones.receive(self.received(token, aps, **headers))

    def update(self, to: Activity | str, state: Any = None, **aps: Any) -> None:
        """An update of now, but for what is given; what is ``None`` is left out."""
        self._push(to, "update", {"content-state": state if state is not None else {}}, aps)

    def end(self, to: Activity | str, **aps: Any) -> None:
        """An end of now, but for what is given."""
        self._push(to, "end", {}, aps)

    def start(self, phone: Phone, **aps: Any) -> None:
        """A start of now, right but for what is given."""
        assert phone.push_to_start_token is not None
        right = {
            "content-state": {"status": "soon"},
            "attributes-type": "StreamAttributes",
            "attributes": {"streamId": STREAM},
            "alert": {"title": "Soon", "body": "It starts in an hour."},
            "input-push-token": 1,
        }
        self._push(phone.push_to_start_token, "start", right, aps)

    def _push(
        self, to: Activity | str, event: str, right: Mapping[str, Any], aps: Mapping[str, Any]
    ) -> None:
        headers = {name: aps[name] for name in aps if name.startswith("apns_")}
        changed = {
            name.replace("_", "-"): value for name, value in aps.items() if name not in headers
        }
        whole = {"timestamp": int(self.clock.now), "event": event, **right, **changed}
        given = {name: value for name, value in whole.items() if value is not None}
        self.push(to, given, **headers)


def kinds(phone: Phone, activity: Activity | None = None) -> list[str]:
    """The kinds of a phone's events, of all or of one activity."""
    return [
        event.kind for event in phone.log if activity is None or event.activity_id == activity.id
    ]


def latest(phone: Phone, kind: str) -> str:
    """What the newest event of a kind says."""
    return [event.text for event in phone.log if event.kind == kind][-1]
