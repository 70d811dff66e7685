"""What the page's console acts through: the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpConsole:
    """A host with an HTTP API of its own for its streams; the page calls it as an app would.

    ``GET streams`` lists ``{"streamId", "title", "host", "status", "startsAt"}``, ``POST streams``
    takes a title and ``startsAt`` (seconds since the epoch), and ``POST streams/<id>/<moment>``
    does what the moment says: ``cancel``, ``ready``, ``start``, ``expire``, ``reschedule``.

    Args:
        username: Who hosts the streams.
        password: Of that user. The page gets it: a made-up one, of a made-up user.
        login: The path that gives ``{"accessToken"}`` for them.
        streams: The path of the streams.
    """

    username: str
    password: str = field(repr=False)
    login: str = "/api/v1/login"
    streams: str = "/api/v1/streams"


@dataclass(slots=True)
class DirectConsole:
    """A host whose API the page does not know: it is told what happens to a stream in its process,
    as ``flask live-activity end`` does. The host's own tables stay as they are.

    Args:
        canonical: The form of a stream id that all use; ``ValueError`` where it is none.
        end: Called with a stream's id and its state.
        reopen: Called with a stream's id.
        ended: Gives the state in which a stream has ended, ``None`` while it has not: the host may
            do so by itself.
    """

    canonical: Callable[[str], str]
    end: Callable[[str, str], object]
    reopen: Callable[[str], object]
    ended: Callable[[str], str | None]
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was typed into the page, by stream id."""


Console = HttpConsole | DirectConsole

MOST_STREAMS = 50
"""How many the page may name; the oldest make room."""

MOMENTS = {"cancel": "cancelled", "ready": "ready", "start": "started", "expire": "expired"}
"""What a host may do to a stream, and the state that it is in then."""
