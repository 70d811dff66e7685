"""Scheduling streams, changing them, and the moments that end their countdowns."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from flask_jwt_extended import get_jwt_identity, jwt_required

from example_app.activities import live_activity
from example_app.database import IN_HALF_AN_HOUR, Stream, database

streams = Blueprint("streams", __name__, url_prefix="/api/v1/streams")

# What a host may do to his stream, and the status that it gets by it.
MOMENTS = {
    "cancel": "cancelled_by_host",
    "ready": "preparing",
    "start": "active",
    "expire": "expired",
}
# What lights up the phones; an expired stream is no news, and neither is a new title.
NEWS = {
    "cancelled_by_host": "It was cancelled.",
    "preparing": "We are about to begin.",
    "active": "We are live.",
}
MOVED = "It begins at another time."


@streams.get("")
def list_streams() -> Response:
    """All streams."""
    with database() as session:
        return jsonify([_as_json(stream) for stream in session.query(Stream)])


@streams.post("")
@jwt_required()
def schedule() -> tuple[Response, int]:
    """Schedule a stream of one's own: ``title``, and ``startsAt`` in seconds since the epoch."""
    stream = Stream(**_given(), host=get_jwt_identity())
    if not stream.title:
        abort(400)
    with database() as session:
        session.add(stream)
        session.commit()
    live_activity.stream_changed(stream.id)
    return jsonify(_as_json(stream)), 201


@streams.patch("/<stream_id>")
@jwt_required()
def edit(stream_id: str) -> Response:
    """Rename a stream, move it, or both: ``title``, ``startsAt``."""
    return _change(stream_id, **_given())


@streams.post("/<stream_id>/<any(cancel, ready, start, expire):moment>")
@jwt_required()
def end_countdown(stream_id: str, moment: str) -> Response:
    """Cancel, ready, start or expire a stream: its countdowns leave the lock screens."""
    return _change(stream_id, status=MOMENTS[moment])


@streams.post("/<stream_id>/reschedule")
@jwt_required()
def reschedule(stream_id: str) -> Response:
    """Schedule a stream again that was cancelled or has expired."""
    return _change(stream_id, status="scheduled", starts_at=time.time() + IN_HALF_AN_HOUR)


def _change(stream_id: str, **changes: Any) -> Response:
    """Change a stream of one's own; say so after the commit, since no push can be called back."""
    with database() as session:
        stream = session.get(Stream, stream_id.lower())
        if stream is None:
            abort(404)
        if stream.host != get_jwt_identity():
            abort(403)
        before = stream.starts_at
        for name, value in changes.items():
            setattr(stream, name, value)
        session.commit()
    if changes.get("status") == "scheduled":
        live_activity.reopen_stream(stream.id)
    news = NEWS.get(stream.status) if stream.starts_at == before else MOVED
    alert = None if news is None else {"title": stream.title, "body": news}
    live_activity.stream_changed(stream.id, alert=alert)
    return jsonify(_as_json(stream))


def _given() -> dict[str, Any]:
    """What a caller says of a stream, by its columns; what he leaves out stays as it is."""
    given = request.get_json()
    if not isinstance(given, dict):
        abort(400)
    title, starts_at = given.get("title", ""), given.get("startsAt", 0)
    if not isinstance(title, str) or type(starts_at) not in (int, float):
        abort(400)
    said = {"title": title, "starts_at": starts_at}
    return {name: value for name, value in said.items() if value}


def _as_json(stream: Stream) -> dict[str, str | float]:
    return {
        "streamId": stream.id,
        "title": stream.title,
        "host": stream.host,
        "status": stream.status,
        "startsAt": stream.starts_at,
    }
