"""``python -m example_app``: the host and a local APNs, with three commands to paste."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping

from flask import Flask
from werkzeug.serving import make_server

from example_app import create_app
from example_app.database import Stream, database
from flask_allmine_liveactivity import LiveActivityError

HOST = "127.0.0.1"


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="example_app", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="if it is taken, another one")
    arguments = parser.parse_args()
    port = arguments.port if _is_free(arguments.port) else 0
    with tempfile.TemporaryDirectory() as folder, _apns() as settings:
        try:
            app = create_app(settings, instance_path=folder)
        except LiveActivityError as error:
            sys.exit(f"{error}")
        server = make_server(HOST, port, app, threaded=True)
        _explain(app, f"http://{HOST}:{server.server_port}", local_apns=bool(settings))
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        app.extensions["live_activity"].close()


@contextlib.contextmanager
def _apns() -> Iterator[Mapping[str, str]]:
    """The settings of a local APNs, unless the environment says how to push."""
    if any(
        name.startswith(("FLASK_LIVE_ACTIVITY_PUSH", "FLASK_LIVE_ACTIVITY_APNS"))
        for name in os.environ
    ):
        yield {}
        return
    from flask_allmine_liveactivity.simulator import LocalApns, Received

    def show(push: Received) -> None:
        print(
            f"\nApple has received a push, and answers {push.status} {push.reason or ''}".rstrip()
        )
        print(f"  POST {push.path}")
        for name in ("push-type", "topic", "priority", "expiration", "id"):
            print(f"  apns-{name}: {push.headers.get(f'apns-{name}')}")
        print("  " + json.dumps(push.payload, indent=2).replace("\n", "\n  "), flush=True)

    with LocalApns(on_push=show, keep=1000) as apns:
        yield apns.settings


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((HOST, port)) != 0


def _explain(app: Flask, url: str, *, local_apns: bool) -> None:
    with app.app_context(), database() as session:
        stream = Stream(title="Ask me anything", host="ada")
        session.add(stream)
        session.commit()
    registration = {
        "streamId": stream.id,
        "deviceId": "iphone-15-pro-max",
        "liveActivityToken": f"live_activity_runtime_token_{stream.id[-6:]}",
        "activityId": f"live-activity-{stream.id[-6:]}",
    }
    to_json = "-H 'Content-Type: application/json'"
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"accessToken\"])'"
    where = "at the local APNs, here in this terminal" if local_apns else "where you push to"
    print(
        f"""\
Allmine runs at {url}, and ada has scheduled a stream. Paste into another terminal:

1. Log in

TOKEN=$(curl -s {url}/api/v1/login {to_json} \\
  -d '{{"username": "ada", "password": "lovelace"}}' | {read})

2. Register the Live Activity of a phone, as the app does when iOS hands it the token

curl -s {url}/api/v1/notifications/live-activity-sessions {to_json} \\
  -H "Authorization: Bearer $TOKEN" \\
  -d '{json.dumps(registration)}'; echo

3. Cancel the stream

curl -s -X POST {url}/api/v1/streams/{stream.id}/cancel -H "Authorization: Bearer $TOKEN"

The end push is then seen {where}. Stop with Ctrl-C.
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
