"""What the page's console acts through: the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpConsole:
    """A host with an HTTP API of its own for its streams; the page calls it as an app would.

    ``GET streams`` lists ``{"streamId", "title", "host", "status", "startsAt"}``, ``POST streams``
    takes a title and ``startsAt`` (seconds since the epoch), ``PATCH streams/<id>`` takes either to
    rename or move it, and ``POST streams/<id>/<moment>`` does what the moment says: ``cancel``,
    ``ready``, ``start``, ``expire``, ``reschedule``.

    Args:
        username: Who hosts the streams.
        password: Of that user. The page gets it: a made-up one, of a made-up user.
        login: The path that gives ``{"accessToken"}`` for them.
        streams: The path of the streams.
        dies: Cancels the stream with this id in the host's own tables and says nothing of it, as a
            host does that dies after its commit; called in an app context. ``None``: it cannot.
    """

    username: str
    password: str = field(repr=False)
    login: str = "/api/v1/login"
    streams: str = "/api/v1/streams"
    dies: Callable[[str], object] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a host's stream: what it has said by itself, or when it was asked.

    Args:
        state: In which it has ended; ``None``: it has not.
        title: As its countdowns show it.
        starts_at: In seconds since the epoch.
    """

    state: str | None = None
    title: str | None = None
    starts_at: float | None = None


@dataclass(slots=True)
class DirectConsole:
    """A host whose API the page does not know: it is told what happens to a stream in its process,
    as ``flask live-activity end`` does. The host's own tables stay as they are.

    Args:
        canonical: The form of a stream id that all use; ``ValueError`` where it is none.
        end: Called with a stream's id and its state.
        reopen: Called with a stream's id.
        known: Gives what is known of the stream with this id: the host may end or change it by
            itself.
        changed: Called with a stream's id: asks the host what the stream is now, and tells what
            differs, as ``stream_changed`` does.
        is_asked: Whether the host has said how it is asked.
    """

    canonical: Callable[[str], str]
    end: Callable[[str, str], object]
    reopen: Callable[[str], object]
    known: Callable[[str], Known]
    changed: Callable[[str], object]
    is_asked: Callable[[], bool]
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was typed into the page, by stream id."""


Console = HttpConsole | DirectConsole

MOST_STREAMS = 50
"""How many the page may name; the oldest make room."""

MOMENTS = {"cancel": "cancelled", "ready": "ready", "start": "started", "expire": "expired"}
"""What a host may do to a stream, and the state that it is in then."""
