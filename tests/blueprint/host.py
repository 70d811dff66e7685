"""A host app, and the phones that call it."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import JWTManager, create_access_token
from werkzeug.test import TestResponse

from flask_allmine_liveactivity import (
    LiveActivity,
    MemoryPush,
    Push,
    PushResult,
    Session,
    StreamState,
    Verdict,
    notify_stream_state,
)
from flask_allmine_liveactivity.app.installation import Installation, installed_on

PATH = "/api/v1/notifications/live-activity-sessions"
STREAM = "65f000000000000000000001"
OTHER_STREAM = "65f000000000000000000002"
BODY = {
    "streamId": STREAM,
    "deviceId": "iphone-15-pro-max",
    "liveActivityToken": "live_activity_runtime_token",
    "activityId": "live-activity-123",
}
TOKEN = BODY["liveActivityToken"]
JWT_SECRET = "a secret of the tests, long enough for HS256"  # noqa: S105

REASONS = {
    400: "Validation failed",
    401: "Authentication required",
    403: "Insufficient permissions",
    404: "Resource not found",
    409: "Resource already exists or cannot be changed in its current state",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def assert_failure(response: TestResponse, status: int, *details: str) -> None:
    """The contract's envelope, to the letter."""
    assert response.status_code == status
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert list(body) == ["isSuccess", "statusCode", "data", "errors", "timestamp"]
    assert body["isSuccess"] is False
    assert type(body["statusCode"]) is int
    assert body["statusCode"] == status
    assert body["data"] is None
    assert body["errors"][0] == REASONS[status]
    assert all(isinstance(error, str) for error in body["errors"])
    assert TIMESTAMP.fullmatch(body["timestamp"])
    if details:
        assert body["errors"][1:] == list(details)


class Clock:
    """The package's idea of the time, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)

    def advance(self, seconds: float) -> None:
        self.ahead += seconds


class Host:
    """A Flask app with users, streams and the extension; every push is kept in ``push.sent``."""

    def __init__(self, storage_uri: str = "memory://", **config: Any) -> None:
        self.app = Flask(__name__)
        self.app.config.update(
            JWT_SECRET_KEY=JWT_SECRET,
            LIVE_ACTIVITY_DELIVERY="inline",
            LIVE_ACTIVITY_STORAGE_URI=storage_uri,
        )
        self.app.config.update(config)
        self.jwt = JWTManager(self.app)
        self.push = MemoryPush(self.answer)
        self.verdict = Verdict.DELIVERED
        self.live_activity = LiveActivity(self.app, push=self.push)
        self.guard: Callable[[str, str], Any] = lambda stream_id, user_id: None
        self.live_activity.stream_guard(lambda stream, user: self.guard(stream, user))

    # --- phones ------------------------------------------------------------------------------

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def bearer(self, user: str = "alice", **claims: Any) -> dict[str, str]:
        with self.app.app_context():
            token = create_access_token(
                user, expires_delta=datetime.timedelta(hours=1), additional_claims=claims
            )
        return {"Authorization": f"Bearer {token}"}

    def register(self, user: str = "alice", **fields: Any) -> TestResponse:
        """Register as the sample of the contract does, but for `fields`."""
        return self.client.post(PATH, json={**BODY, **fields}, headers=self.bearer(user))

    def send(self, body: Any, user: str = "alice", **kwargs: Any) -> TestResponse:
        """Send raw bytes as JSON."""
        kwargs.setdefault("content_type", "application/json")
        return self.client.post(PATH, data=body, headers=self.bearer(user), **kwargs)

    # --- what the host does -------------------------------------------------------------------

    def end(self, state: str = "ready", stream: str = STREAM, **said: Any) -> Any:
        with self.app.app_context():
            return notify_stream_state(stream, state, **said)

    def deliver(self) -> None:
        self.installation.parts.delivery.run()

    def answer(self, push: Push) -> PushResult:
        return PushResult(push, self.verdict)

    # --- what became of it --------------------------------------------------------------------

    @property
    def installation(self) -> Installation:
        return installed_on(self.app)

    def sessions(self, user: str | None = None) -> list[Session]:
        return self.installation.storage.sessions.page(user_id=user)

    def state(self, stream: str = STREAM) -> StreamState | None:
        event = self.installation.storage.streams.read(stream)
        return None if event is None else event.state

    @property
    def told(self) -> list[str]:
        """The tokens that were pushed to, in order."""
        return [push.token for push in self.push.sent]


@contextmanager
def running(host: Host) -> Iterator[Host]:
    try:
        yield host
    finally:
        host.installation.close()
