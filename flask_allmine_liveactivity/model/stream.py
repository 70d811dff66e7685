"""What a stream's Live Activities must be told, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from flask_allmine_liveactivity.model.times import DUE_NOW

# The kinds of events that this version tells. A newer one has more.
END: Final = "end"
UPDATE: Final = "update"
KINDS = (END, UPDATE)
# How an end came about that the host has not announced: it was asked what the stream is.
FOUND: Final = "found"
# How the note begins that nobody answers.
_NO_ANSWER = "no answer"


class StreamState(StrEnum):
    """The four moments that end a countdown.

    .. versionadded:: 0.1.0
    """

    CANCELLED = "cancelled"
    READY = "ready"
    STARTED = "started"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a stream's Live Activities must be told, before storage has given it a revision.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    event: str
    state: StreamState | None
    """In which it has ended; ``None`` in an update."""
    content_state: Mapping[str, Any] | None
    alert: Mapping[str, Any] | None
    dismissal_date: int | None
    """Seconds since the epoch; ``None``: as iOS likes."""
    said: str
    """Two announcements with the same ``said`` are the same thing said twice."""
    expires_at: float
    priority: int | None = None
    """``apns-priority`` of an update: 5, or 10 where it does not wait for the phone's battery."""
    source: str | None = None
    """How an end came about; see ``StreamEvent.source``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """The latest thing that a stream's Live Activities must be told: one row a stream.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    revision: int
    """Only ever rises, also over a reopen."""
    event: str | None
    """``end`` or ``update``; ``None`` where there is nothing to tell, as before the first word and
    after a reopen; or a kind that only a newer version knows."""
    state: StreamState | None
    content_state: Mapping[str, Any] | None
    alert: Mapping[str, Any] | None
    dismissal_date: int | None
    timestamp: int
    """Seconds; when it was announced, raised to the time of sending by each batch that goes out
    (``Streams.stamp``). Never falls, and rises with each revision: iOS drops what is older than
    what it has seen."""
    expires_at: float
    said: str
    due_at: float
    touch: int
    """Only ever rises: odd from the moment that somebody may be pending, even once a worker has put
    the event to rest, which he does only at the touch that he has read. He looks for pending
    sessions afterwards; so whoever comes while it is odd is seen, and need not write."""
    held_reason: str | None = None
    """What somebody has to mend before it is told, or the note that nobody answers
    (``no_answer``): ``needs_a_person`` tells them apart."""
    held_since: float | None = None
    announced_at: float | None = None
    """When this revision was announced; ``None``: by a version that did not write it down."""
    priority: int | None = None
    """``apns-priority`` of an update; ``None``: as for an end."""
    source: str | None = None
    """How the end that stands came about: ``said`` by the host, ``found`` when the host was asked,
    ``guard`` or ``expired``; ``None``: by a version that did not write it down."""
    told_at: float | None = None
    """When the last round of an update began; ``None``: none ever did."""
    check_at: float | None = None
    """When the host is to be asked what the stream is; ``None``: not any more."""
    countdown: Mapping[str, Any] | None = None
    """What the host has said of a stream that is to come; see ``streams.countdown``."""
    countdown_expires_at: float | None = None
    """When it is over unless the host says something else; ``None``: never by itself."""
    found_state: StreamState | None = None
    """The state that the host's last answer was, where that does not count yet."""
    found_at: float | None = None
    """When that was."""
    silent_since: float | None = None
    """Since when the host has given no answer, of a countdown that has expired."""
    unreadable: str | None = None
    """Why this version cannot tell it; not a column. Such an event alone is held, unless it
    ``is_a_newer_versions``."""

    @property
    def is_end(self) -> bool:
        """Whether the stream is over.

        .. versionadded:: 0.1.0
        """
        return self.event == END

    @property
    def is_update(self) -> bool:
        """Whether its countdowns are to show something new, and run on.

        .. versionadded:: 0.1.0
        """
        return self.event == UPDATE

    @property
    def told_since(self) -> float:
        """Since when it is to be told: sending raises ``timestamp``, but not this.

        .. versionadded:: 0.1.0
        """
        return float(self.timestamp) if self.announced_at is None else self.announced_at

    @property
    def is_a_newer_versions(self) -> bool:
        """Whether it is of a kind that this version does not know, and so is never told by it.

        Beside this version stands the newer one that has written it, and tells it: whatever this
        one wrote to the row would be in its way. A hold would keep it from telling, a rest would
        make it late, and a higher timestamp would be one that no push has carried. So the row is
        left as it is; and it is not among the due events, so that nobody here looks at it again
        and again.

        .. versionadded:: 0.1.0
        """
        return self.event is not None and self.event not in KINDS

    @property
    def is_awake(self) -> bool:
        """Whether some worker will still look at the stream's sessions before he lets it rest: who
        registers now need not write that he has come.

        One that rests though its touch is odd was put to rest by an earlier version, which looks
        before that and not afterwards.

        .. versionadded:: 0.1.0
        """
        due = self.due_at <= DUE_NOW or self.held_since is not None
        return due and self.touch % 2 == 1

    @property
    def unanswered(self) -> bool:
        """Whether it is on record only that the push service does not answer: it stays due, and is
        tried again by itself.

        .. versionadded:: 0.1.0
        """
        return (self.held_reason or "").startswith(_NO_ANSWER)

    @property
    def needs_a_person(self) -> bool:
        """Whether it is held until somebody mends something, and not for want of an answer.

        .. versionadded:: 0.1.0
        """
        return self.held_since is not None and not self.unanswered

    @property
    def seen_instead(self) -> str | None:
        """What was seen instead of an answer, where it is ``unanswered``.

        .. versionadded:: 0.1.0
        """
        if not self.unanswered:
            return None
        return (self.held_reason or "").removeprefix(no_answer(""))


def no_answer(seen: str) -> str:
    """The ``held_reason`` of an event that the push service gives no answer to.

    Args:
        seen: What was seen instead, as in ``StreamEvent.seen_instead``.
    """
    return f"{_NO_ANSWER}: {seen}"
