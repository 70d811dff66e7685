"""One run over the streams that are due: claim, push, settle, rest.

All streams share one flow of pushes, a batch of each in turn, and whoever is new comes first: a
small audience does not wait for a large one, and memory stays flat. While one batch goes out the
next is claimed and the last is settled, each in a thread of its own; a run of less than a batch
needs neither.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from flask_allmine_liveactivity.delivery.batch import Batch, Stream
from flask_allmine_liveactivity.delivery.batch_size import FIRST_BATCH, SMALLEST_BATCH, BatchSize
from flask_allmine_liveactivity.delivery.claims import Claims
from flask_allmine_liveactivity.delivery.heap import FrozenHeap
from flask_allmine_liveactivity.delivery.in_flight import InFlight
from flask_allmine_liveactivity.delivery.outcomes import expire, give_back, pass_over
from flask_allmine_liveactivity.delivery.payloads import Payloads
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.rests import Rests
from flask_allmine_liveactivity.delivery.results import Results
from flask_allmine_liveactivity.delivery.rounds import Rounds
from flask_allmine_liveactivity.delivery.schedule import hold, note_silence
from flask_allmine_liveactivity.delivery.turns import Turns
from flask_allmine_liveactivity.delivery.unanswered import Unanswered
from flask_allmine_liveactivity.model import Push, Settlement, StreamEvent
from flask_allmine_liveactivity.push.base import PushBackend, storable
from flask_allmine_liveactivity.push.source import LOOK_AGAIN, PushSource
from flask_allmine_liveactivity.storage.base import Storage

# How many streams a run takes up at a time, and of how many it claims the first batches at once.
STREAMS = 500
PAGE = 50
# A stream of which some are still awaited is looked at again after so many seconds.
DRAINED_FOR = 1.0


class FanOut:
    """One run.

    Args:
        storage: Where sessions and events are.
        push: Where pushes go.
        policy: What the settings say.
        stopping: Set when the process is to end: nothing more is drawn.
        clock: The time in seconds since the epoch.
        monotonic: Seconds that only rise.
        until: Nothing more is drawn from then on, by ``monotonic``.
        on_settled: Called with each batch that has been settled.
        unanswered: Who had no answer in earlier runs.
        probing: Nobody was answered in the last run: begin with a single push.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend,
        policy: Policy,
        stopping: threading.Event,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        until: float = math.inf,
        on_settled: Callable[[Sequence[Settlement]], object] = lambda _: None,
        unanswered: Unanswered | None = None,
        probing: bool = False,
    ) -> None:
        self._storage = storage
        self._push = push
        self._policy = policy
        self._stopping = stopping
        self._clock = clock
        self._monotonic = monotonic
        self._until = until
        self._on_settled = on_settled
        self._turns = Turns()
        self._batch_size = BatchSize(policy, 1 if probing else FIRST_BATCH)
        self._payloads = Payloads(storage, push, clock, monotonic, self._hold)
        self._claims = Claims(storage.sessions, policy.lease, clock, monotonic)
        self._in_flight = InFlight(storage.sessions, policy.batch_size, self._settled)
        self._heap = FrozenHeap()
        self._rounds = Rounds(storage, clock)
        self._rests = Rests(storage, self._turns, self._in_flight, policy.sweep_interval, clock)
        self._looked_at = -LOOK_AGAIN
        self._spent_on_newcomers = 0.0
        self._only: str | None = None
        self.results = Results(
            self._in_flight, unanswered or Unanswered(monotonic), clock, self._hold_if_at_it
        )
        self.cut_short = False
        """Whether it ended because its time was up."""

    @property
    def next_due(self) -> float:
        """The earliest time at which a stream of this run is to be looked at again."""
        return self._rests.next_due

    def run(
        self, stream_id: str | None = None, on_result: Callable[[], object] = lambda: None
    ) -> None:
        """Deliver what is due, of all streams or of one."""
        self._only = stream_id
        if stream_id is not None:
            event = self._storage.streams.read(stream_id)
            if event is not None and event.event is not None:
                self._take_up(event)
        with self._heap:
            self._send(on_result)

    def _send(self, on_result: Callable[[], object]) -> None:
        source = PushSource(self._pushes, self._waited, self._ends, self._in_flight.take_back)
        results = self._push.send(source)
        try:
            for result in results:
                self.results.take(storable(result))
                on_result()
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()
            self._finish()

    def _finish(self) -> None:
        """Give back what is claimed and unsent, settle the rest, and let the threads go."""
        try:
            ahead = self._claims.close()
            if ahead is not None:
                self._receive(ahead)
            self.results.decide()
            self._in_flight.give_all_back()
        finally:
            self._in_flight.close()
        self._in_flight.finish()
        self._rests.rest_all()
        for event in self.results.unanswered:  # now: to put it to rest would take the note away
            note_silence(self._storage, event, str(self.results.unreachable), self._clock())

    def give_back_unsent(self) -> None:
        """Let others have what is claimed and not sent, while this run still awaits answers.

        Of any thread. The run gives it back once more when it ends, which then counts for nothing.
        """
        for leave in (self._in_flight.leave, self._claims.leave):
            self._storage.sessions.settle([give_back(session) for session in leave()])

    # --- what to push ------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        return bool(self._ends() or self.results.obstacle)

    def _ends(self) -> bool:
        self.cut_short = self.cut_short or self._monotonic() >= self._until
        return self.cut_short or self._stopping.is_set()

    def _pushes(self) -> Iterator[Push]:
        while not self._over:
            at_work = bool(self._turns or self._claims.is_ahead)
            if not at_work or self._waited() >= LOOK_AGAIN:
                self._look_for_streams()
            # A page of those that are new, then a batch of the others: neither keeps the other
            # waiting, however many there are of it.
            some_are_new = self._turns.some_are_new
            yield from self._to_newcomers(at_once=PAGE)
            batch = self._next_batch()
            if batch is None:
                if some_are_new:
                    continue
                return
            if not batch.read and not self._read_again(batch.stream):
                self._in_flight.give_back(batch, batch.sessions)
                continue
            began = self._monotonic()  # a slow storage is no reason for smaller batches
            self._spent_on_newcomers = 0.0
            for push in self._of_batch(batch):
                yield push
                if self._waited() >= LOOK_AGAIN and not batch.ends_soon:
                    self._look_for_streams()
                    yield from self._to_newcomers()
            self._batch_size.learn(batch, self._monotonic() - began - self._spent_on_newcomers)

    def _to_newcomers(self, at_once: float = math.inf) -> Iterator[Push]:
        began, taken = self._monotonic(), 0
        while self._turns.some_are_new and taken < at_once and not self._over:
            taken += PAGE
            for first in self._claim_of_newcomers():
                yield from self._of_batch(first)
        self._spent_on_newcomers += self._monotonic() - began

    def _waited(self) -> float:
        """Seconds since the last look for streams that have become due."""
        return self._monotonic() - self._looked_at

    def _look_for_streams(self) -> None:
        self._rests.rest_all()
        self._looked_at = self._monotonic()
        if self._only is not None:
            return
        limit = STREAMS + len(self._turns)
        due = self._storage.streams.due(self._clock(), limit)
        # Other workers see the same ones, and would come to each of them at the same moment.
        random.shuffle(due)
        for event in due:
            stream = self._turns.get(event.stream_id)
            if stream is None or (stream.drained and self._has_more(stream, event)):
                self._take_up(event)

    def _has_more(self, stream: Stream, event: StreamEvent) -> bool:
        """Whether there may be more of a stream of which some answers are still awaited: the rest
        does not wait for those, nor for what has become due meanwhile."""
        read = stream.event
        if (event.revision, event.touch) != (read.revision, read.touch):
            return True
        return self._looked_at - stream.looked_at >= DRAINED_FOR

    def _take_up(self, event: StreamEvent) -> None:
        if event.is_a_newer_versions or self._rounds.is_early(event):
            return
        if event.unreadable is not None:
            self._hold_unreadable(event)
        else:
            self._turns.add(event)

    def _next_batch(self) -> Batch | None:
        """The batch that was claimed ahead, or the next stream's; ``None``: all are drained."""
        ahead = self._claims.take_ahead()
        if ahead is not None:
            self._receive(ahead)
            return ahead
        while (stream := self._turns.next()) is not None:
            batch = self._claim_now(stream, self._batch_size.now)
            if batch is not None:
                return batch
        return None

    def _claim_of_newcomers(self) -> list[Batch]:
        """The first batches of streams that are new: of many at once, or they would be a queue."""
        streams = self._turns.newcomers(min(PAGE, self._batch_size.now))
        self._rounds.take_up(streams)
        if len(streams) <= 1:
            batches = [self._claim_now(stream, FIRST_BATCH) for stream in streams]
            return [batch for batch in batches if batch is not None]
        limit = max(SMALLEST_BATCH, self._batch_size.now // len(streams))
        page = self._claims.of_each(streams, limit)
        for batch in page:
            batch.read = True
            self._receive(batch)
        to_tell = [batch.stream for batch in page if batch.sessions]
        self._rounds.begin(to_tell)
        self._payloads.stamp(to_tell)
        return page

    def _claim_now(self, stream: Stream, limit: int) -> Batch | None:
        if not self._read_again(stream) or self._left_to_others(stream):
            return None
        batch = self._claims.of(stream, min(limit, self._batch_size.now))
        batch.read = True
        self._receive(batch)
        return batch

    def _left_to_others(self, stream: Stream) -> bool:
        """Whether another worker has put the stream to rest since it was seen to be due."""
        event = stream.event
        if self._only is not None or event.due_at <= self._clock() or self._rounds.goes_on(stream):
            return False
        self._turns.remove(event.stream_id)
        return True

    def _claim_ahead(self) -> None:
        if self._claims.is_ahead:
            return
        stream = self._turns.next()
        if stream is not None:
            self._claims.ahead(stream, self._batch_size.now)

    def _receive(self, batch: Batch) -> None:
        self._in_flight.take(batch)
        self._heap.claimed(len(batch.sessions))

    def _of_batch(self, batch: Batch) -> Iterator[Push]:
        stream = batch.stream
        batch.revision, batch.ends = stream.event.revision, stream.event.is_end
        if batch.sessions:
            self._rounds.begin([stream])
        if batch.full or stream.event.touch != batch.event.touch:
            self._turns.again(stream)
        else:
            stream.drained, stream.looked_at = True, self._monotonic()
            self._rests.add_if_done(stream)
        if batch.full:
            self._claim_ahead()
        for session in batch.sessions:
            # What has been ours for half the lease may soon be another worker's.
            now = self._monotonic()
            late = now - batch.began > self._policy.lease / 2
            if self._over or late or not self._payloads.are_of(stream, batch.revision, now):
                self._in_flight.give_back(batch, batch.unsent)
                return
            batch.sent += 1
            if session.expires_at <= batch.now:
                self._in_flight.note(batch, expire(session, batch.now))
                continue
            if session.user_id is None and not batch.ends:
                self._in_flight.note(batch, pass_over(session, batch.revision, batch.now))
                continue
            yield self._payloads.push_to(session, stream)

    def _read_again(self, stream: Stream) -> bool:
        """Whether there is still something to tell; what it is may have changed meanwhile."""
        event = self._storage.streams.read(stream.event.stream_id)
        held = event is not None and event.held_since is not None
        untold = event is None or event.event is None or event.is_a_newer_versions
        if event is None or untold or (held and event.due_at > self._clock()):
            self._turns.remove(stream.event.stream_id)
            return False
        if event.revision != stream.event.revision:
            if event.unreadable is not None:
                self._hold_unreadable(event)
                return False
            stream.stamped_at = 0.0
        self._rounds.follow(stream, event)
        return True

    def _settled(self, settlements: list[Settlement]) -> None:
        self._on_settled(settlements)
        self._rounds.after(settlements, self._turns.get)
        for stream_id in dict.fromkeys(each.session.stream_id for each in settlements):
            stream = self._turns.get(stream_id)
            if stream is not None:
                self._rests.add_if_done(stream)

    # --- when to look again ------------------------------------------------------------------

    def _hold(self, event: StreamEvent, reason: str) -> None:
        hold(self._storage, event, reason, self._clock())
        self._turns.remove(event.stream_id)

    def _hold_if_at_it(self, event: StreamEvent, reason: str) -> None:
        if self._turns.get(event.stream_id) is not None:
            self._hold(event, reason)

    def _hold_unreadable(self, event: StreamEvent) -> None:
        """Another version has stored what we cannot tell: it alone is held."""
        self._hold(event, f"cannot be told: {event.unreadable}")
