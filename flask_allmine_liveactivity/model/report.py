"""What was done, and how things stand: for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_allmine_liveactivity.model.stream import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What ``notify_stream_state`` has done.

    The four counts are ``None`` where the background delivers (``queued``). Else each phone that
    was still to be told is in one of them: their sum is how many those were.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    state: StreamState
    revision: int
    queued: bool
    delivered: int | None = None
    """Accepted by the push service."""
    gone: int | None = None
    """Given up, since the activity is there no more: the push service answered 410."""
    retrying: int | None = None
    """Still to be told, and tried again by themselves: no answer, an error of the push service,
    or a wait from before. All that are pending but those of ``rejected``."""
    rejected: int | None = None
    """Refused for their own tokens, now: tried again after long waits, or given up at the third
    refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many sessions stand where.

    .. versionadded:: 0.1.0
    """

    active: int = 0
    pending: int = 0
    oldest_pending_since: float | None = None
    ended: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Pending ones that were refused at least once, by reason."""
    next_tries: Mapping[str, float] = field(default_factory=dict)
    """When the first of those is due again, by reason."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Given up, by reason."""
    unknown: int = 0
    """Of a status that this version does not know: a newer one has written them."""
