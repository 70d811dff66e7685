"""Rounds of updates, and ends that come over them.

An update is told in rounds: everybody once, those told longest ago first, and the next round begins
no sooner than a few seconds after the last one. What is told is always the latest. An end waits for
nothing that an update has caused: for no round, no refusal, and no push that is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.model import SessionStatus, Settlement, StreamEvent
from flask_allmine_liveactivity.storage.base import Storage


class Rounds:
    """The rounds of the streams of a run.

    Args:
        storage: Where they are.
        clock: The time in seconds since the epoch.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._updated: set[str] = set()
        """Streams of which this run has begun a round of updates. Their rows need not say so: an
        end may have come between the look and that."""

    def is_early(self, event: StreamEvent) -> bool:
        """Whether it is an update whose round is not to begin yet."""
        return event.is_update and event.due_at > self._clock()

    def take_up(self, streams: Iterable[Stream]) -> None:
        """Before the first claim: let nobody wait for an end."""
        self._let_wait_no_longer(stream.event for stream in streams)

    def begin(self, streams: Iterable[Stream]) -> None:
        """After a claim that has brought somebody: note that a round of updates begins."""
        now = self._clock()
        updates = [
            stream for stream in streams if stream.event.is_update and stream.begun != stream.round
        ]
        if updates:
            self._storage.streams.begin([stream.event for stream in updates], now)
        for stream in updates:
            self._updated.add(stream.event.stream_id)
            stream.event = replace(stream.event, told_at=now)
            stream.begun = stream.round

    def follow(self, stream: Stream, event: StreamEvent) -> None:
        """Go on with a stream as it stands now: in the same round, or in the next where it is time.

        Args:
            stream: The stream.
            event: Its row, just read.
        """
        stream.event = event
        if stream.round != event.revision and not self.is_early(event):
            stream.round = event.revision
            self.take_up([stream])

    def goes_on(self, stream: Stream) -> bool:
        """Whether the round is one of an earlier revision, while the next is not due yet."""
        return stream.event.is_update and stream.round < stream.event.revision

    def after(
        self, settlements: Iterable[Settlement], known: Callable[[str], Stream | None]
    ) -> None:
        """Let an end that has come meanwhile find who has just been settled.

        Settled first, then looked: an end that is announced later finds them by itself.

        Args:
            settlements: What has been stored.
            known: Finds the streams of this run.
        """
        run_on = {
            each.session.stream_id: None
            for each in settlements
            if each.status is SessionStatus.ACTIVE
        }
        for stream_id in run_on:
            stream, updated = known(stream_id), stream_id in self._updated
            ends = stream is not None and stream.event.is_end and stream.event.told_at is None
            if ends and not updated:
                continue  # the usual: none of its pushes was an update's
            event = self._storage.streams.read(stream_id)
            if event is not None and event.is_end and (updated or event.told_at is not None):
                now = self._clock()
                self._storage.sessions.forget_refusals([event], now)
                self._storage.streams.wake(stream_id, now, now)

    def _let_wait_no_longer(self, events: Iterable[StreamEvent]) -> None:
        over_updates = [event for event in events if event.is_end and event.told_at is not None]
        if over_updates:
            self._storage.sessions.forget_refusals(over_updates, self._clock())
