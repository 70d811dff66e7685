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
class StreamReceipt:
    """What ``stream_changed`` has written.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    revision: int
    """Of what is to be told of the stream now; 0: nothing has ever been."""
    changed: bool
    """Whether there is something new to tell. ``False`` too where the host gave no answer: it is
    asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """How one stream stands.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    revision: int
    """Of what is to be told of it; 0: nothing has ever been."""
    event: str | None
    """``end`` or ``update``; ``None``: there is nothing to tell."""
    state: StreamState | None
    """In which it has ended."""
    sessions: Mapping[str, int]
    """How many there are: ``active``, of them ``pending`` (still to be told), ``ended``,
    ``dead``."""
    holds: Mapping[str, str]
    """What is not told until somebody mends something, and why: by ``end`` or ``update``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many sessions stand where.

    .. versionadded:: 0.1.0
    """

    active: int = 0
    pending: int = 0
    """Active ones that are still to be told an end."""
    oldest_pending_since: float | None = None
    """Since when the first of those waits."""
    updates_pending: int = 0
    """Active ones that are still to be told an update."""
    oldest_update_since: float | None = None
    """Since when the first of those waits. Of a stream that has changed again meanwhile, since the
    last change: only the latest is told."""
    updated: int = 0
    """Active ones whose last push was an update, and accepted."""
    ended: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Those still to be told, whatever it is, that were refused at least once, by reason."""
    next_tries: Mapping[str, float] = field(default_factory=dict)
    """When the first of those is due again, by reason."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Given up, by reason."""
    unknown: int = 0
    """Of a status that this version does not know: a newer one has written them."""
    ends_found: int = 0
    """Streams whose end stands since the host was asked, and not since it has said so."""

    @property
    def untold(self) -> int:
        """Active ones that are still to be told something.

        .. versionadded:: 0.1.0
        """
        return self.pending + self.updates_pending
