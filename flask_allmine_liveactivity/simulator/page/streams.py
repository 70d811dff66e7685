"""Streams of a host whose own API the page does not know, in the shape of the example's API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, jsonify

from flask_allmine_liveactivity.simulator.page.body import number, text
from flask_allmine_liveactivity.simulator.page.console import MOMENTS, MOST_STREAMS, DirectConsole

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator.page.simulator import Simulator


IN_HALF_AN_HOUR = 1800.0


def add_stream_routes(blueprint: Blueprint, simulator: Simulator, console: DirectConsole) -> None:
    """Let the page name streams, and end them in the host's process."""

    def as_it_is(stream: dict[str, Any]) -> dict[str, Any]:
        known = console.known(stream["streamId"])
        return {
            **stream,
            "title": known.title or stream["title"],
            "startsAt": stream["startsAt"] if known.starts_at is None else known.starts_at,
            "status": known.state or "scheduled",
        }

    @blueprint.get("/streams")
    def list_streams() -> Response:
        return jsonify([as_it_is(stream) for stream in console.streams.values()])

    @blueprint.post("/streams")
    def name_stream() -> tuple[Response, int]:
        try:
            stream_id = console.canonical(text("streamId"))
        except ValueError as error:
            abort(400, str(error))
        stream = {
            "streamId": stream_id,
            "title": text("title"),
            "host": "your app",
            "startsAt": number("startsAt", time.time() + IN_HALF_AN_HOUR),
        }
        console.streams[stream_id] = stream
        while len(console.streams) > MOST_STREAMS:
            del console.streams[next(iter(console.streams))]
        simulator.feed.changed()
        return jsonify(as_it_is(stream)), 201

    @blueprint.post("/streams/<stream_id>/<moment>")
    def happen(stream_id: str, moment: str) -> Response:
        stream = console.streams.get(stream_id)
        if stream is None or moment not in (*MOMENTS, "reschedule", "changed"):
            abort(404, "There is no such stream, or nothing such can happen to it.")
        try:
            if moment == "reschedule":
                console.reopen(stream_id)
            elif moment == "changed":
                if not console.is_asked():
                    abort(409, "Nobody has said how the app is asked: @live_activity.streams.")
                console.changed(stream_id)
            else:
                console.end(stream_id, MOMENTS[moment])
        except ValueError as error:
            abort(400, str(error))
        if moment == "reschedule" and stream["startsAt"] < time.time():
            stream["startsAt"] = time.time() + IN_HALF_AN_HOUR
        simulator.feed.changed()
        return jsonify(as_it_is(stream))
