"""A host as its processes load it: ``flask --app faults.host:make_host``, gunicorn, Celery.

Its configuration comes from the environment, as JSON in ``FAULTS_HOST``; in ``FAULTS_APPLE``, how
long the engine waits for Apple.
"""

from __future__ import annotations

import json
import os
from typing import Any

from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.push.apns import connection

JWT_SECRET = "a secret of the tests, long enough for HS256"  # noqa: S105


def make_host(**config: Any) -> Flask:
    """A host that takes anybody for any stream, and ends a stream at ``POST /end/ID``."""
    app = Flask("host")
    app.config.update(
        JWT_SECRET_KEY=JWT_SECRET,
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None,
    )
    app.config.update(json.loads(os.environ.get("FAULTS_HOST", "{}")))
    app.config.update(config)
    for name, seconds in json.loads(os.environ.get("FAULTS_APPLE", "{}")).items():
        setattr(connection, name, seconds)
    JWTManager(app)
    LiveActivity(app)

    @app.post("/end/<stream_id>")
    def end(stream_id: str) -> str:
        notify_stream_state(stream_id, "ready")
        return ""

    @app.get("/alive")
    def alive() -> str:
        return "alive"

    return app
