"""The phones on the desk: a local Apple, three phones, and the page that shows them."""

from __future__ import annotations

import json
import os

from example_app.activities import shown
from example_app.database import PEOPLE, Stream, database
from flask_allmine_liveactivity.simulator.page import HttpConsole, Simulator, User
from flask_allmine_liveactivity.simulator.phones import ContentState, HttpBackend
from flask_allmine_liveactivity.simulator.received import Received

HOST = "ada"
FOLLOWERS = ("grace", "alan", "mary")

# What the app declares in Swift; a push that does not decode into it is dropped by iOS.
CONTENT_STATE = ContentState({"title": str, "status": str, "startsAt": float})


def make_simulator() -> Simulator | None:
    """A simulator, unless the environment says how to push."""
    if any(
        name.startswith(("FLASK_LIVE_ACTIVITY_PUSH", "FLASK_LIVE_ACTIVITY_APNS"))
        for name in os.environ
    ):
        return None
    console = HttpConsole(HOST, PEOPLE[HOST], dies=_die_unsaid)
    return Simulator(console=console, content_state=CONTENT_STATE, on_push=_show)


def set_the_scene(simulator: Simulator, url: str, stream: Stream) -> None:
    """Three people have their phones here, and follow the stream.

    Args:
        simulator: Where the phones are.
        url: Of the host, which must be serving.
        stream: That is scheduled.
    """
    for username in FOLLOWERS:
        phone = simulator.add_phone(
            f"{username.title()}'s iPhone", HttpBackend(url), User(username, PEOPLE[username])
        )
        phone.follow(
            stream.id, content_state=shown(stream, stream.status), attributes={"host": stream.host}
        )


def _die_unsaid(stream_id: str) -> None:
    """Cancel a stream as a host does whose process ends between its commit and its next line."""
    with database() as session:
        session.query(Stream).filter_by(id=stream_id).update({"status": "cancelled_by_host"})
        session.commit()


def _show(push: Received) -> None:
    print(f"\nApple has received a push, and answers {push.status} {push.reason or ''}".rstrip())
    print(f"  POST {push.path}")
    for name in ("push-type", "topic", "priority", "expiration", "id"):
        print(f"  apns-{name}: {push.headers.get(f'apns-{name}')}")
    print("  " + json.dumps(push.payload, indent=2).replace("\n", "\n  "), flush=True)
