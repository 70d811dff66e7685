"""``python -m example_app``: the host, a local APNs, phones on a page, and commands to paste."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from example_app import create_app
from example_app.database import Stream, database
from example_app.desk import make_simulator, set_the_scene
from flask_allmine_liveactivity import LiveActivityError
from flask_allmine_liveactivity.extension.simulator_ui import outlooks_of, resending_of
from flask_allmine_liveactivity.openapi.page import is_installed
from flask_allmine_liveactivity.simulator.page import URL_PREFIX

HOST = "127.0.0.1"

# A stream that is about to begin, so that the countdowns are worth watching.
STARTS_IN = 12 * 60.0

SETTINGS: Mapping[str, Any] = {
    # Long enough to be seen: the default takes an ended activity off the lock screen at once.
    "LIVE_ACTIVITY_DISMISS_AFTER": 12,
    # Short enough to be watched: what nobody has said is found within a minute or two otherwise.
    "LIVE_ACTIVITY_CHECK_INTERVAL": 5,
    "JWT_ACCESS_TOKEN_EXPIRES": timedelta(days=1),
    # Nobody is at the first: to show that the playground asks before it sends anything there.
    "LIVE_ACTIVITY_API_SERVERS": {"Production": "https://api.example.com", "Development": "/"},
}
REFERENCE = "/api-reference"


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="example_app", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="if it is taken, another one")
    arguments = parser.parse_args()
    port = arguments.port if _is_free(arguments.port) else 0
    simulator = make_simulator()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as at_the_end:
        if simulator is not None:
            simulator.start()
            at_the_end.callback(simulator.stop)
        push = simulator.settings if simulator is not None else {}
        reference = {"LIVE_ACTIVITY_API_REFERENCE": REFERENCE} if is_installed() else {}
        try:
            app = create_app({**SETTINGS, **reference, **push}, instance_path=folder)
        except LiveActivityError as error:
            sys.exit(f"{error}")
        at_the_end.callback(app.extensions["live_activity"].close)
        if simulator is not None:
            simulator.mount(app, outlooks_of(app), resending_of(app))
            # Who looks on is let go before the app's storage is closed.
            at_the_end.callback(simulator.feed.close)
        server = make_server(HOST, port, app, threaded=True, request_handler=_QuietHandler)
        url = f"http://{HOST}:{server.server_port}"
        with _serving(server) as thread:
            stream = _schedule(app)
            if simulator is not None:
                set_the_scene(simulator, url, stream)
            _explain(stream, url, page=simulator is not None)
            with contextlib.suppress(KeyboardInterrupt):
                # Where another thread takes the signal nothing wakes one that waits for good.
                while thread.is_alive():
                    thread.join(timeout=1.0)


@contextlib.contextmanager
def _serving(server: BaseWSGIServer) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.shutdown()


class _QuietHandler(WSGIRequestHandler):
    """Leaves out of the terminal what the page asks for by itself."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if not self.path.startswith((URL_PREFIX, REFERENCE, "/favicon.ico")):
            super().log_request(code, size)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((HOST, port)) != 0


def _schedule(app: Flask) -> Stream:
    stream = Stream(title="Ask me anything", host="ada", starts_at=time.time() + STARTS_IN)
    with app.app_context(), database() as session:
        session.add(stream)
        session.commit()
    return stream


def _explain(stream: Stream, url: str, *, page: bool) -> None:
    registration = {
        "streamId": stream.id,
        "deviceId": "iphone-15-pro-max",
        "liveActivityToken": f"live_activity_runtime_token_{stream.id[-6:]}",
        "activityId": f"live-activity-{stream.id[-6:]}",
    }
    to_json = "-H 'Content-Type: application/json'"
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"accessToken\"])'"
    where = "on the page, and here in this terminal" if page else "where you push to"
    if page:
        print(f"\n    See it:  {url}{URL_PREFIX}/\n")
    if is_installed():
        print(f"    The API: {url}{REFERENCE}\n")
    print(
        f"""\
Allmine runs at {url}, and ada has scheduled a stream. {"Or paste" if page else "Paste"} into \
another terminal:

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
