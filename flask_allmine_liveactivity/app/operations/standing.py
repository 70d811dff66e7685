"""How things stand: who waits, since when, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.model import Counts, StreamEvent
from flask_allmine_liveactivity.model.alarm import environment_is_doubtful
from flask_allmine_liveactivity.push.apns_settings import AUTO

# So many held streams are named.
HELD_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the sessions of one stream stand, or of all."""

    at: float
    """When that was, in seconds since the epoch."""
    stream_id: str | None
    """``None``: of all streams."""
    event: StreamEvent | None
    """What that one stream's Live Activities must be told."""
    next_question: float | None
    """When the host is asked what that stream is, in seconds since the epoch; ``None``: it is not.
    """
    counts: Counts
    held: tuple[StreamEvent, ...]
    """Streams that are held, the longest first, at most ``HELD_SHOWN``; also those that only had no
    answer, and need nobody."""
    more_held: bool
    """Whether there are more than these."""
    tried_in_both: bool = False
    """Whether a bad token is one that both of Apple's environments have refused."""

    @property
    def known(self) -> bool:
        """Whether anything is known: a phone has registered, or the host has said something."""
        counts = self.counts
        sessions = counts.active or counts.ended or counts.dead or counts.unknown
        return self.event is not None or bool(sessions)

    @property
    def oldest_pending_seconds(self) -> float | None:
        """For how long the session has waited that waits the longest for an end; ``None``: nobody
        does."""
        return self._ago(self.counts.oldest_pending_since)

    @property
    def oldest_update_seconds(self) -> float | None:
        """The same of an update."""
        return self._ago(self.counts.oldest_update_since)

    def _ago(self, since: float | None) -> float | None:
        return None if since is None else max(0.0, self.at - since)

    @property
    def not_refused(self) -> int:
        """How many sessions are to be told that were not refused: they were not tried yet, are
        under way, or are held."""
        return max(0, self.counts.untold - sum(self.counts.waiting.values()))

    @property
    def environment_alarm(self) -> bool:
        """Whether most tokens are refused as those of the other environment are; with ``auto`` they
        are of neither."""
        return environment_is_doubtful(self.counts)

    def waits_longer_than(self, seconds: float) -> bool:
        """Whether anybody waits for an end that long."""
        waits = self.oldest_pending_seconds
        return waits is not None and waits > seconds


def status(installation: Installation, stream: object = None) -> Standing:
    """See who is still to be told, since when, what is held and why, and who was given up.

    Args:
        installation: Of the app.
        stream: Only this one; in any form of its id.
    """
    storage = installation.storage
    stream_id = None if stream is None else installation.stream_id(stream)
    now = time.time()
    counts = storage.counts(now, stream_id)
    apns = installation.settings.apns
    event = None if stream_id is None else storage.streams.read(stream_id)
    if stream_id is None:
        held = storage.streams.held(HELD_SHOWN + 1)
    else:
        held = [] if event is None or event.held_since is None else [event]
    return Standing(
        at=now,
        stream_id=stream_id,
        event=event,
        next_question=next_question(installation, event),
        counts=counts,
        held=tuple(held[:HELD_SHOWN]),
        more_held=len(held) > HELD_SHOWN,
        tried_in_both=apns is not None and apns.environment == AUTO,
    )


def next_question(installation: Installation, event: StreamEvent | None) -> float | None:
    """When the host is asked what a stream is; ``None``: not at all.

    A row says when it would be due, also where the host has no callback to be asked by.
    """
    return event.check_at if event is not None and installation.streams.is_asked else None
