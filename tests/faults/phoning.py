"""A phone that registers over HTTP, with a host in this process or at a port."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from flask_jwt_extended import create_access_token

from flask_allmine_liveactivity.app.installation import installed_on

from .audience import STREAM_TO_COME
from .host import make_host

PATH = "/api/v1/notifications/live-activity-sessions"


def a_body(number: int) -> dict[str, str]:
    """Of a stream that is still to come."""
    return {
        "streamId": STREAM_TO_COME,
        "deviceId": f"phone-{number}",
        "activityId": f"by-http-{number}",
        "liveActivityToken": f"by-http-{number}-" * 10,
    }


def a_bearer(config: dict[str, Any], number: int) -> str:
    with make_host(**config).app_context():
        return f"Bearer {create_access_token(f'user-{number}')}"


def register_in_process(config: dict[str, Any], number: int) -> int:
    """The status; a failure has the contract's envelope."""
    app = make_host(**config)
    response = app.test_client().post(
        PATH, json=a_body(number), headers={"Authorization": a_bearer(config, number)}
    )
    installed_on(app).close()
    assert (response.status_code == 200) == (response.json == {"success": True})
    assert response.status_code in (200, response.json.get("statusCode"))
    return response.status_code


def register_at(port: int, config: dict[str, Any], number: int) -> int:
    """The status."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}",
        json.dumps(a_body(number)).encode(),
        {"Authorization": a_bearer(config, number), "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
