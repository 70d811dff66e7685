"""The payloads of a run: one object for all pushes of an event, with the time of sending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.model import Push, Session, StreamEvent, new_apns_ids
from flask_allmine_liveactivity.model.push import AT_ONCE
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage

# What a push carries as its time is at most about so many seconds old when it is drawn.
STAMP_AGAIN = 1.0


class Payloads:
    """Encodes what is told of streams, and keeps its time of sending up to date.

    Args:
        storage: Where the times come from, whichever machine sends.
        push: Encodes.
        clock: The time in seconds since the epoch.
        monotonic: Seconds that only rise.
        hold: Called with an event that cannot be sent, and the reason.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        hold: Callable[[StreamEvent, str], object],
    ) -> None:
        self._storage = storage
        self._push = push
        self._clock = clock
        self._monotonic = monotonic
        self._hold = hold
        self._apns_ids = new_apns_ids()

    def are_of(self, stream: Stream, revision: int, now: float) -> bool:
        """Whether a stream's payload tells this revision, with the time at which it is sent.

        Args:
            stream: The stream.
            revision: What is to be told.
            now: The time by the monotonic clock.
        """
        if now - stream.stamped_at >= STAMP_AGAIN or not stream.stamped_at:
            self.stamp([stream])
        return stream.event.revision == revision and stream.stamped_at > 0.0

    def push_to(self, session: Session, stream: Stream) -> Push:
        """The push that tells a session what the stream's payload says."""
        return Push(
            token=session.token,
            payload=stream.payload,
            apns_id=next(self._apns_ids),
            priority=stream.event.priority or AT_ONCE,
            expiration=int(session.expires_at),
            target=session,
            environment=session.environment,
        )

    def stamp(self, streams: Sequence[Stream]) -> None:
        """Let the payloads carry the present time; what cannot be told stays unstamped: another
        revision, or a payload over the limit."""
        timestamp, stamped_at = int(self._clock()), self._monotonic()
        older = [stream.event for stream in streams if stream.event.timestamp < timestamp]
        stamped = self._storage.streams.stamp(older, timestamp) if older else {}
        for stream in streams:
            event = stream.event
            if event.timestamp < timestamp:
                if event.stream_id not in stamped:
                    stream.stamped_at = 0.0
                    continue
                stream.event = replace(event, timestamp=stamped[event.stream_id])
            stream.stamped_at = stamped_at if self._encode(stream) else 0.0

    def _encode(self, stream: Stream) -> bool:
        """Whether there is a payload that tells the event; it is made no more than once."""
        event, encoded = stream.event, stream.encoded
        if encoded is not None and _tell_the_same(encoded, event):
            return True
        try:
            stream.payload = self._push.encode(event)
        except PayloadTooLarge:  # of a version with another limit
            self._hold(event, "PayloadTooLarge")
            return False
        stream.encoded = event
        return True


def _tell_the_same(one: StreamEvent, other: StreamEvent) -> bool:
    return (one.revision, one.timestamp) == (other.revision, other.timestamp)
