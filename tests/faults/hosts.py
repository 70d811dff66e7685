"""What processes of a host do beside serving: announce, take late phones, and wait."""

from __future__ import annotations

import logging
import os
import time

from flask import Flask

from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.model import StreamState

from .audience import STREAM, a_token, until
from .host import make_host

STREAM_BEFORE = "65f000000000000000000003"
"""Told by a process before it forks."""


def take(installation: Installation, number: int, stream: str = STREAM) -> None:
    """A phone registers with this process, as those of ``Audience`` do."""
    installation.register(
        user_id=f"user-{number}",
        device_id=f"iphone-{number}",
        activity_id=f"activity-{stream}-{number}",
        stream_id=stream,
        token=a_token(number, stream),
    )


def wait_until_told(installation: Installation, stream: str = STREAM) -> None:
    def pending() -> int:
        return installation.storage.counts(time.time(), stream).pending

    assert until(lambda: not pending(), 40), f"{pending()} are still pending"


def sockets() -> set[str]:
    """The sockets that this process has open; one that was replaced has another name."""
    names: set[str] = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            names.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:  # the one that listed them
            continue
    return {name for name in names if name.startswith("socket:")}


def make_served_host() -> Flask:
    """The host, which says which of its processes answers."""
    app = make_host()

    @app.get("/pid")
    def pid() -> str:
        return str(os.getpid())

    return app


def make_used_host() -> Flask:
    """The same; the process that has made it has used storage, push connection and thread."""
    app = make_served_host()
    installation = installed_on(app)
    installation.storage.prepare()
    take(installation, 0, STREAM_BEFORE)
    installation.notify(STREAM_BEFORE, StreamState.STARTED)
    wait_until_told(installation, STREAM_BEFORE)
    return app


def make_talkative_host() -> Flask:
    """The host, which logs all that anybody has to say."""
    logging.basicConfig(level=logging.DEBUG)
    return make_host()
