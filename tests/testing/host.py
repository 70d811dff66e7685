"""A host app as it is in production: it pushes to Apple, over a database on another machine."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import LiveActivity, StreamNotFound, StreamState
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


def create_app(**config: Any) -> Flask:
    app = Flask("host")
    app.config.update(JWT_SECRET_KEY="a secret of the tests, long enough for HS256")
    app.config.update(PRODUCTION)
    app.config.update(config)
    JWTManager(app)
    live_activity = LiveActivity(app)

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

    @app.cli.command("cancel")
    def cancel_from_the_command_line() -> None:
        notify(STREAM, "cancelled")

    return app
