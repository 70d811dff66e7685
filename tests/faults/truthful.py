"""A host with a truth of its own: ``flask --app faults.truthful:make_truthful``.

Its streams are in a file of its own, and it says what they are when it is asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from flask_allmine_liveactivity import Countdown, LiveActivity
from flask_allmine_liveactivity.app.installation import installed_on

from .host import make_host

STARTS_AT = 2_000_000_000.0


def make_truthful(**config: Any) -> Flask:
    """A host whose streams are in the file that ``TRUTH`` names."""
    app = make_host(**config)
    installed_on(app).callbacks.streams = what_streams_are
    return app


def what_streams_are(stream_ids: list[str]) -> dict[str, Any]:
    marks = ", ".join("?" * len(stream_ids))
    with opened(current_app.config["TRUTH"]) as truth:
        rows = truth.execute(
            f"SELECT id, status, title FROM streams WHERE id IN ({marks})",
            stream_ids,
        ).fetchall()
    return {
        id_: status if status != "scheduled" else countdown(title) for id_, status, title in rows
    }


def opened(truth: str | Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(truth, timeout=30))


def countdown(title: str) -> Countdown:
    return Countdown(starts_at=STARTS_AT, content_state={"title": title})


def write(truth: Path, stream_id: str, status: str = "scheduled", title: str = "a stream") -> None:
    """The host's own commit."""
    with opened(truth) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS streams (id PRIMARY KEY, status, title)")
        database.execute("REPLACE INTO streams VALUES (?, ?, ?)", (stream_id, status, title))


def commit_and_die(
    config: dict[str, Any], stream_id: str, status: str, *, in_writing: bool
) -> None:
    """Commit a state, and be killed before it could be said: before the call, or in its midst."""
    app = make_truthful(**config)
    write(Path(config["TRUTH"]), stream_id, status)
    if in_writing:
        streams = installed_on(app).storage.streams
        streams.write = lambda *_: _die()  # type: ignore[method-assign,assignment]
        with app.app_context():
            LiveActivity().stream_changed(stream_id)
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
