"""Claims of a run: of one stream, of many small ones at once, and of the next one ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from flask_allmine_liveactivity.delivery.background_calls import BackgroundCalls
from flask_allmine_liveactivity.delivery.batch import Batch, Stream
from flask_allmine_liveactivity.model import Session, new_id
from flask_allmine_liveactivity.storage.sessions import Sessions


class Claims:
    """Takes pending sessions for a run, for the length of a lease.

    Args:
        sessions: Where they are.
        lease: For so many seconds.
        clock: The time in seconds since the epoch.
        monotonic: Seconds that only rise.
    """

    def __init__(
        self,
        sessions: Sessions,
        lease: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._lease = lease
        self._clock = clock
        self._monotonic = monotonic
        self._calls = BackgroundCalls("live-activity-claims")
        self._ahead: Future[Batch] | None = None
        # Reentrant: a signal that ends the run may come in the midst of it, in the same thread.
        self._lock = threading.RLock()
        self._leaving = False

    def of(self, stream: Stream, limit: int) -> Batch:
        """Claim up to `limit` sessions of a stream."""
        event, now, began, claim_id = stream.event, self._clock(), self._monotonic(), new_id()
        claimed = self._sessions.claim(
            event.stream_id,
            stream.round,
            claim_id=claim_id,
            limit=limit,
            now=now,
            leased_until=now + self._lease,
            round_robin=event.is_update,
        )
        seconds = self._monotonic() - began
        return _batch(stream, claimed, claim_id, limit, now, began, seconds)

    def of_each(self, streams: Sequence[Stream], limit: int) -> list[Batch]:
        """Claim up to `limit` sessions of each of many streams at once."""
        now, began, claim_id = self._clock(), self._monotonic(), new_id()
        claimed: dict[str, list[Session]] = {stream.event.stream_id: [] for stream in streams}
        for session in self._sessions.claim_each(
            [stream.event for stream in streams],
            claim_id=claim_id,
            limit=limit,
            now=now,
            leased_until=now + self._lease,
        ):
            claimed[session.stream_id].append(session)
        seconds = self._monotonic() - began
        return [
            _batch(stream, claimed[stream.event.stream_id], claim_id, limit, now, began, seconds)
            for stream in streams
        ]

    @property
    def is_ahead(self) -> bool:
        """Whether a batch has been claimed ahead, or is being claimed."""
        return self._ahead is not None

    def ahead(self, stream: Stream, limit: int) -> None:
        """Claim as ``of`` does, while other pushes go out; not for a run that is to end."""
        with self._lock:
            if not self._leaving:
                self._ahead = self._calls.run(partial(self.of, stream, limit))

    def take_ahead(self) -> Batch | None:
        """Wait for what was claimed ahead, and take it; ``None``: nothing was."""
        if self._ahead is None:
            return None
        ahead, self._ahead = self._ahead, None
        return ahead.result()

    def leave(self) -> list[Session]:
        """The run is to end: claim nothing ahead from now on. Of any thread.

        Returns the sessions that were claimed ahead and have not been taken; it waits for a claim
        that is under way.
        """
        with self._lock:
            self._leaving, ahead = True, self._ahead
        if ahead is None or ahead.exception() is not None:
            return []
        return ahead.result().sessions

    def close(self) -> Batch | None:
        """Wait for the claim under way, and end the thread.

        Returns what was claimed ahead and not taken. What cannot be had comes due again when its
        lease ends.
        """
        self._calls.close()
        if self._ahead is None or self._ahead.exception() is not None:
            return None
        return self.take_ahead()


def _batch(
    stream: Stream,
    sessions: list[Session],
    claim_id: str,
    limit: int,
    now: float,
    began: float,
    seconds: float,
) -> Batch:
    return Batch(
        stream=stream,
        event=stream.event,
        revision=stream.event.revision,
        ends=stream.event.is_end,
        claim_id=claim_id,
        limit=limit,
        sessions=sessions,
        now=now,
        began=began,
        seconds=seconds,
    )
