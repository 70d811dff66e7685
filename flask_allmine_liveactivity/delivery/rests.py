"""Streams of a run of which everybody has been seen to: put to rest many at once."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.delivery.in_flight import InFlight
from flask_allmine_liveactivity.delivery.schedule import rest_then_look
from flask_allmine_liveactivity.delivery.turns import Turns
from flask_allmine_liveactivity.model import DUE_NOW, NEVER
from flask_allmine_liveactivity.storage.base import Storage

# So many are put to rest at once.
PAGE = 50


class Rests:
    """Gathers streams, and puts them to rest.

    Args:
        storage: Where they are.
        turns: The streams of the run; those that rest leave it.
        in_flight: What is still to be settled of them.
        sweep_interval: Seconds to rest at the least where nobody is pending.
        clock: The time in seconds since the epoch.
    """

    def __init__(
        self,
        storage: Storage,
        turns: Turns,
        in_flight: InFlight,
        sweep_interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._turns = turns
        self._in_flight = in_flight
        self._sweep_interval = sweep_interval
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self.next_due = NEVER
        """The earliest time at which one of them is to be looked at again."""

    def add_if_done(self, stream: Stream) -> None:
        """Put it to rest soon, where all that is due has been claimed and settled."""
        stream_id = stream.event.stream_id
        if stream.drained and not self._in_flight.has_some_of(stream_id):
            self._streams[stream_id] = stream
            if len(self._streams) >= PAGE:
                self.rest_all()

    def rest_all(self) -> None:
        """Put all to rest now."""
        streams, self._streams = self._streams, {}
        events = [stream.event for stream in streams.values()]
        if events:
            next_due, all_rest = rest_then_look(
                self._storage, events, self._clock(), self._sweep_interval
            )
            # Whoever has come meanwhile, or has been announced, is due now.
            self.next_due = min(self.next_due, next_due if all_rest else DUE_NOW)
        for stream_id in streams:
            self._turns.remove(stream_id)
