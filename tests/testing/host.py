"""A host app as it is in production: it pushes to Apple, over a database on another machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask, request
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import Countdown, LiveActivity, StreamNotFound, StreamState
from flask_allmine_liveactivity import notify_stream_state as notify

STREAM = "65f000000000000000000001"
OTHER_STREAM = "65f000000000000000000002"
ENDED_STREAM = "65f0000000000000000000ed"
PATH = "/api/v1/notifications/live-activity-sessions"

KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
# 192.0.2.0/24 leads nowhere (RFC 5737): whoever opens a connection there waits, and fails.
PRODUCTION = {
    "LIVE_ACTIVITY_STORAGE_URI": "postgresql+psycopg://allmine@192.0.2.1/allmine",
    "LIVE_ACTIVITY_DELIVERY": "thread",
    "LIVE_ACTIVITY_APNS_KEY": KEY,
    "LIVE_ACTIVITY_APNS_KEY_ID": "KEY1234567",
    "LIVE_ACTIVITY_APNS_TEAM_ID": "TEAM123456",
    "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.allmine",
    "LIVE_ACTIVITY_APNS_ENVIRONMENT": "production",
    "LIVE_ACTIVITY_APNS_SERVER": "https://192.0.2.2:443",
}


@dataclass
class Stream:
    """The host's own model, with a table in memory."""

    rows: ClassVar[dict[str, Stream]] = {}
    title: str = "A talk"
    starts_at: float = 0.0
    status: str = "scheduled"
    expires_after: float | None = None

    @classmethod
    def get(cls, stream_id: str) -> Stream:
        return cls.rows.setdefault(stream_id, cls(starts_at=time.time() + 3600))

    @property
    def answer(self) -> Countdown | str:
        if self.status != "scheduled":
            return self.status
        return Countdown(
            starts_at=self.starts_at,
            content_state={"title": self.title, "startsAt": self.starts_at},
            expires_after=self.expires_after,
        )


def create_app(**config: Any) -> Flask:
    app = Flask("host")
    app.config.update(JWT_SECRET_KEY="a secret of the tests, long enough for HS256")
    app.config.update(PRODUCTION)
    app.config.update(config)
    JWTManager(app)
    live_activity = LiveActivity(app)
    Stream.rows.clear()

    @live_activity.streams
    def streams(stream_ids: list[str]) -> dict[str, Countdown | str]:
        return {stream_id: Stream.get(stream_id).answer for stream_id in stream_ids}

    @live_activity.stream_guard
    def guard(stream_id: str, user_id: str) -> StreamState | None:
        if user_id == "eve":
            raise StreamNotFound
        return StreamState.EXPIRED if stream_id == ENDED_STREAM else None

    @live_activity.content_state
    def content_state(stream_id: str, state: StreamState) -> dict[str, str]:
        return {"phase": state.value}

    @app.post("/streams/<stream_id>/cancel")
    def cancel(stream_id: str) -> dict[str, Any]:
        report = notify(
            stream_id,
            StreamState.CANCELLED,
            alert={"title": "Allmine", "body": "It will not take place"},
            dismiss_after=300,
        )
        return {"queued": report.queued, "delivered": report.delivered}

    @app.post("/streams/<stream_id>/rename")
    def rename(stream_id: str) -> dict[str, Any]:
        Stream.get(stream_id).title = request.get_json()["title"]
        return {"changed": live_activity.stream_changed(stream_id).changed}

    @app.post("/streams/<stream_id>/move")
    def move(stream_id: str) -> dict[str, Any]:
        Stream.get(stream_id).starts_at = request.get_json()["startsAt"]
        return {"changed": live_activity.stream_changed(stream_id).changed}

    @app.cli.command("cancel")
    def cancel_from_the_command_line() -> None:
        notify(STREAM, "cancelled")

    return app
