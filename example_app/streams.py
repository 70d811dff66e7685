"""Scheduling streams, and the moments that end their countdowns."""

from __future__ import annotations

import time

from flask import Blueprint, Response, abort, jsonify, request
from flask_jwt_extended import get_jwt_identity, jwt_required

from example_app.activities import ENDED, live_activity
from example_app.database import IN_HALF_AN_HOUR, Stream, database
from flask_allmine_liveactivity import notify_stream_state

streams = Blueprint("streams", __name__, url_prefix="/api/v1/streams")

# What a host may do to his stream, and the status that it gets by it.
MOMENTS = {
    "cancel": "cancelled_by_host",
    "ready": "preparing",
    "start": "active",
    "expire": "expired",
}


@streams.get("")
def list_streams() -> Response:
    """All streams."""
    with database() as session:
        return jsonify([_as_json(stream) for stream in session.query(Stream)])


@streams.post("")
@jwt_required()
def schedule() -> tuple[Response, int]:
    """Schedule a stream of one's own: ``title``, and ``startsAt`` in seconds since the epoch."""
    given = request.get_json()
    if not isinstance(given, dict) or not isinstance(given.get("title"), str):
        abort(400)
    starts_at = given.get("startsAt", time.time() + IN_HALF_AN_HOUR)
    if not isinstance(starts_at, int | float) or isinstance(starts_at, bool):
        abort(400)
    with database() as session:
        stream = Stream(title=given["title"], host=get_jwt_identity(), starts_at=starts_at)
        session.add(stream)
        session.commit()
    return jsonify(_as_json(stream)), 201


@streams.post("/<stream_id>/<any(cancel, ready, start, expire):moment>")
@jwt_required()
def end_countdown(stream_id: str, moment: str) -> Response:
    """Cancel, ready, start or expire a stream: its countdowns leave the lock screens."""
    stream = _set_status(stream_id, MOMENTS[moment])
    # After the commit: phones that are told cannot be called back.
    notify_stream_state(stream.id, ENDED[stream.status], alert=_alert(stream))
    return jsonify(_as_json(stream))


@streams.post("/<stream_id>/reschedule")
@jwt_required()
def reschedule(stream_id: str) -> Response:
    """Schedule a stream again that was cancelled or has expired."""
    stream = _set_status(stream_id, "scheduled", starts_at=time.time() + IN_HALF_AN_HOUR)
    live_activity.reopen_stream(stream.id)
    return jsonify(_as_json(stream))


def _set_status(stream_id: str, status: str, starts_at: float | None = None) -> Stream:
    with database() as session:
        stream = session.get(Stream, stream_id.lower())
        if stream is None:
            abort(404)
        if stream.host != get_jwt_identity():
            abort(403)
        stream.status = status
        if starts_at is not None:
            stream.starts_at = starts_at
        session.commit()
    return stream


def _alert(stream: Stream) -> dict[str, str] | None:
    """What lights up the phones; an expired stream is no news."""
    news = {
        "cancelled_by_host": f"{stream.host} has cancelled it.",
        "preparing": "We are about to begin.",
        "active": f"{stream.host} is live.",
    }
    body = news.get(stream.status)
    return None if body is None else {"title": stream.title, "body": body}


def _as_json(stream: Stream) -> dict[str, str | float]:
    return {
        "streamId": stream.id,
        "title": stream.title,
        "host": stream.host,
        "status": stream.status,
        "startsAt": stream.starts_at,
    }
