"""The main job with the package as it is installed, and nothing of this tree: a phone registers,
its stream is cancelled, the local Apple takes the end push, and the countdown has gone.

    python -I tests/release/main_job.py, in a folder of its own

``make release-check`` runs it where only the wheel is installed, with the extras ``simulator`` and
``reference``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, request
from flask_jwt_extended import JWTManager, create_access_token

import flask_allmine_liveactivity
from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.phones import Phones, WsgiBackend

STREAM = "65f000000000000000000001"
REFERENCE, SIMULATOR = "/api-reference", "/live-activity-simulator/"


def create_app(**settings: Any) -> Flask:
    """A small host, with the default storage and the default way to deliver."""
    app = Flask("host", instance_path=str(Path("instance").absolute()))
    app.config.update(
        JWT_SECRET_KEY="of this check, long enough for HS256",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_API_REFERENCE=REFERENCE,
    )
    app.config.update(settings)
    JWTManager(app)
    live_activity = LiveActivity(app)

    @live_activity.content_state
    def content_state(stream_id: str, state: str) -> dict[str, str]:
        return {"phase": state}

    @app.post("/api/v1/login")
    def login() -> dict[str, str]:
        return {"accessToken": create_access_token(request.get_json()["username"])}

    @app.post("/streams/<stream_id>/cancel")
    def cancel(stream_id: str) -> dict[str, bool]:
        return {"queued": notify_stream_state(stream_id, "cancelled").queued}

    return app


def tell_a_phone() -> None:
    """From the registration to the dark lock screen."""
    phones = Phones()
    with LocalApns(bundle_id=phones.bundle_id, devices=phones) as apns:
        app = create_app(**apns.settings)
        phone = phones.add("Ada's iPhone")
        phone.log_in(WsgiBackend(app), "ada", "lovelace")
        activity = phone.follow(STREAM)
        assert phone.lock_screen == [activity]
        app.test_client().post(f"/streams/{STREAM}/cancel")
        (push,) = apns.wait_for(1)
        assert (push.status, push.event, push.problems) == (200, "end", ())
        assert push.aps["content-state"] == {"phase": "cancelled"}
        assert phone.lock_screen == []
        # What is drawn from the files beside the code.
        page = app.test_client().get(REFERENCE)
        assert page.status_code == 200
        assert b"live-activity-sessions" in page.data
        app.extensions["live_activity"].close()


def show_the_simulator() -> None:
    """Its page, as a host in development has it."""
    app = create_app(TESTING=True, LIVE_ACTIVITY_SIMULATOR_UI=True)
    page = app.test_client().get(SIMULATOR)
    assert page.status_code == 200
    assert b"main.js" in page.data
    app.extensions["live_activity"].close()


if __name__ == "__main__":
    installed = Path(flask_allmine_liveactivity.__file__)
    assert installed.is_relative_to(sys.prefix), f"{installed} is not what was installed"
    tell_a_phone()
    show_the_simulator()
    print(f"flask-allmine-liveactivity {flask_allmine_liveactivity.__version__}: told its phone")
