"""Whose turn it is: the streams of a run."""

from __future__ import annotations

from collections import deque

from flask_allmine_liveactivity.delivery.batch import Stream
from flask_allmine_liveactivity.model import StreamEvent

# Of so many turns one is an update's where ends wait: they go first, and starve nobody.
TURNS_OF_ENDS = 4


class Turns:
    """The streams that a run is at: a batch of each in turn, and whoever is new comes first."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._newcomers: deque[str] = deque()
        """Those that have had no turn yet, the ones found last first: theirs is short."""
        self._ends: deque[str] = deque()
        self._updates: deque[str] = deque()
        self._turn = 0

    def __len__(self) -> int:
        """How many streams there are, with those of which answers are awaited."""
        return len(self._streams)

    def __bool__(self) -> bool:
        """Whether any has a turn to come."""
        return bool(self._ends or self._updates or self._newcomers)

    @property
    def some_are_new(self) -> bool:
        """Whether some have had no turn yet."""
        return bool(self._newcomers)

    def get(self, stream_id: str) -> Stream | None:
        """A stream that is here."""
        return self._streams.get(stream_id)

    def add(self, event: StreamEvent) -> None:
        """Take up a stream, as new."""
        self._streams[event.stream_id] = Stream(event, event.revision)
        self._newcomers.appendleft(event.stream_id)

    def again(self, stream: Stream) -> None:
        """It has more: its next turn is after all others'."""
        waiting = self._updates if stream.event.is_update else self._ends
        waiting.append(stream.event.stream_id)

    def remove(self, stream_id: str) -> None:
        """Nothing more is to be done for a stream."""
        self._streams.pop(stream_id, None)
        for waiting in (self._ends, self._updates):
            if stream_id in waiting:
                waiting.remove(stream_id)

    def next(self) -> Stream | None:
        """The stream whose turn it is, of those that are not new."""
        while self._ends or self._updates:
            self._turn += 1
            an_updates = not self._ends or self._turn % TURNS_OF_ENDS == 0
            waiting = self._updates if an_updates and self._updates else self._ends
            stream = self._streams.get(waiting.popleft())
            if stream is not None:
                return stream
        return None

    def newcomers(self, most: int) -> list[Stream]:
        """Up to so many of those that are new: this is their first turn."""
        ids = [self._newcomers.popleft() for _ in range(min(most, len(self._newcomers)))]
        return [self._streams[stream_id] for stream_id in ids if stream_id in self._streams]
