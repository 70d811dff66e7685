"""Streams of a run of which everybody has been seen to: put to rest many at once."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.delivery.schedule import rest_then_look
from flask_allmine_liveactivity.model import DUE_NOW, NEVER
from flask_allmine_liveactivity.storage.base import Storage


class Rests:
    """Gathers streams, and puts them to rest.

    Args:
        storage: Where they are.
        sweep_interval: Seconds to rest at the least where nobody is pending.
        clock: The time in seconds since the epoch.
    """

    def __init__(self, storage: Storage, sweep_interval: float, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._sweep_interval = sweep_interval
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self.next_due = NEVER
        """The earliest time at which one of them is to be looked at again."""

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: Stream) -> None:
        """Put it to rest soon."""
        self._streams[stream.event.stream_id] = stream

    def all(self) -> list[str]:
        """Put all to rest now; returns their ids."""
        streams, self._streams = self._streams, {}
        events = [stream.event for stream in streams.values()]
        if events:
            next_due, all_rest = rest_then_look(
                self._storage, events, self._clock(), self._sweep_interval
            )
            # Whoever has come meanwhile, or has been announced, is due now.
            self.next_due = min(self.next_due, next_due if all_rest else DUE_NOW)
        return list(streams)
