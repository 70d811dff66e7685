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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from flask_allmine_liveactivity.batch_size import FIRST_BATCH, BatchSize
from flask_allmine_liveactivity.errands import Errands
from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.hands import Batch, Hands, Stream
from flask_allmine_liveactivity.heap import StillHeap
from flask_allmine_liveactivity.model import (
    NEVER,
    Push,
    PushResult,
    Settlement,
    StreamEvent,
    Verdict,
    new_apns_ids,
    new_id,
)
from flask_allmine_liveactivity.policy import Policy
from flask_allmine_liveactivity.push.apns.payload import event_payload
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.resting import hold, next_look
from flask_allmine_liveactivity.source import LOOK_AGAIN, Source
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.tally import Tally
from flask_allmine_liveactivity.verdicts import blamed, expire, settle

# Apple, "Sending notification requests to APNs": 10 sends at once.
AT_ONCE = 10
# How many streams a run takes up at a time.
STREAMS = 100


class FanOut:
    """One run.

    Args:
        storage: Where sessions and events are.
        push: Where pushes go.
        policy: What the settings say.
        stopping: Set when the process is to end: nothing more is drawn.
        clock: The time in seconds since the epoch.
        until: Nothing more is drawn from then on, by ``time.monotonic()``.
        on_settled: Called with each batch that has been settled.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend,
        policy: Policy,
        stopping: threading.Event,
        clock: Callable[[], float],
        until: float = math.inf,
        on_settled: Callable[[Sequence[Settlement]], object] = lambda _: None,
    ) -> None:
        self._storage = storage
        self._push = push
        self._policy = policy
        self._stopping = stopping
        self._clock = clock
        self._until = until
        self._on_settled = on_settled
        self._apns_ids = new_apns_ids()
        self._streams: dict[str, Stream] = {}
        self._newcomers: deque[str] = deque()
        """Streams that have had no turn yet: theirs comes first, and is short."""
        self._turns: deque[str] = deque()
        self._batch_size = BatchSize(policy)
        self._claiming = Errands("live-activity-claims")
        self._hands = Hands(storage, policy.batch_size, self._settled)
        self._heap = StillHeap()
        self._next: Future[Batch] | None = None
        self._looked_at = -LOOK_AGAIN
        self._spent_on_newcomers = 0.0
        self._only: str | None = None
        self.tally = Tally()
        self.unreachable: str | None = None
        """Why nothing more was sent, where no answer came."""
        self.misconfigured: str | None = None
        """Why nothing more was sent, where a person has to mend something."""
        self.cut_short = False
        """Whether it ended because its time was up."""
        self.next_due = NEVER
        """The earliest time at which a stream of this run is to be looked at again."""

    def run(
        self, stream_id: str | None = None, on_result: Callable[[], object] = lambda: None
    ) -> None:
        """Deliver what is due, of all streams or of one."""
        self._only = stream_id
        if stream_id is not None:
            event = self._storage.event(stream_id)
            if event is not None and event.event is not None:
                self._take_up(event)
        with self._heap:
            self._send(on_result)

    def _send(self, on_result: Callable[[], object]) -> None:
        results = self._push.send(Source(self._pushes, self._waited))
        try:
            for result in results:
                self._take(result)
                on_result()
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()
            self._finish()

    def _finish(self) -> None:
        """Give back what is claimed and unsent, settle the rest, and let the threads go."""
        try:
            self._claiming.close()
            if self._next is not None and self._next.exception() is None:
                self._receive(self._next.result())
            self._hands.give_all_back(self._clock())
        finally:
            self._hands.close()
        self._hands.finish()

    # --- what to push ------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        self.cut_short = self.cut_short or time.monotonic() >= self._until
        obstacle = self.unreachable or self.misconfigured
        return bool(obstacle or self.cut_short or self._stopping.is_set())

    def _pushes(self) -> Iterator[Push]:
        while not self._over:
            at_work = bool(self._turns or self._next)
            if not at_work or self._waited() >= LOOK_AGAIN:
                self._look_for_streams()
            if self._newcomers:
                yield from self._to_newcomers()
                continue
            batch = self._next_batch()
            if batch is None:
                return
            if not batch.read and not self._read_again(batch.stream):
                self._hands.give_back(batch, batch.sessions, self._clock())
                continue
            began = time.monotonic()  # a slow storage is no reason for smaller batches
            self._spent_on_newcomers = 0.0
            for push in self._of_batch(batch):
                yield push
                if self._waited() >= LOOK_AGAIN:
                    self._look_for_streams()
                    yield from self._to_newcomers()
            self._batch_size.learn(batch, time.monotonic() - began - self._spent_on_newcomers)

    def _to_newcomers(self) -> Iterator[Push]:
        began = time.monotonic()
        while self._newcomers and not self._over:
            first = self._claim_now(self._newcomers.popleft(), FIRST_BATCH)
            if first is not None:
                yield from self._of_batch(first)
        self._spent_on_newcomers += time.monotonic() - began

    def _waited(self) -> float:
        """Seconds since the last look for streams that have become due."""
        return time.monotonic() - self._looked_at

    def _look_for_streams(self) -> None:
        self._looked_at = time.monotonic()
        if self._only is not None:
            return
        limit = STREAMS + len(self._streams)
        due = self._storage.due_events(self._clock(), limit)
        # Other workers see the same ones, and would come to each of them at the same moment.
        random.shuffle(due)
        for event in due:
            if event.stream_id not in self._streams:
                self._take_up(event)

    def _take_up(self, event: StreamEvent) -> None:
        try:
            payload = event_payload(event)
        except PayloadTooLarge:  # stored by a version with another limit
            self._hold(event, "PayloadTooLarge")
            return
        self._streams[event.stream_id] = Stream(event, payload)
        self._newcomers.append(event.stream_id)

    def _next_batch(self) -> Batch | None:
        """The batch that was claimed ahead, or the next stream's; ``None``: all are drained."""
        if self._next is not None:
            ahead = self._next.result()
            self._next = None
            self._receive(ahead)
            return ahead
        while self._turns:
            batch = self._claim_now(self._turns.popleft(), self._batch_size.now)
            if batch is not None:
                return batch
        return None

    def _claim_now(self, stream_id: str, limit: int) -> Batch | None:
        stream = self._streams[stream_id]
        if not self._read_again(stream) or self._left_to_others(stream):
            return None
        batch = self._claim(stream, min(limit, self._batch_size.now))
        batch.read = True
        self._receive(batch)
        return batch

    def _left_to_others(self, stream: Stream) -> bool:
        """Whether another worker has put the stream to rest since it was seen to be due."""
        event = stream.event
        if self._only is not None or event.due_at <= self._clock():
            return False
        del self._streams[event.stream_id]
        return True

    def _claim_ahead(self) -> None:
        if self._turns and self._next is None:
            stream = self._streams[self._turns.popleft()]
            self._next = self._claiming.run(partial(self._claim, stream, self._batch_size.now))

    def _claim(self, stream: Stream, limit: int) -> Batch:
        event = stream.event
        now, began, claim_id = self._clock(), time.monotonic(), new_id()
        sessions = self._storage.claim(
            event.stream_id,
            event.revision,
            claim_id=claim_id,
            limit=limit,
            now=now,
            leased_until=now + self._policy.lease,
        )
        return Batch(
            stream=stream,
            event=event,
            revision=event.revision,
            claim_id=claim_id,
            limit=limit,
            sessions=sessions,
            now=now,
            began=began,
            seconds=time.monotonic() - began,
        )

    def _receive(self, batch: Batch) -> None:
        self._hands.take(batch)
        self._heap.claimed(len(batch.sessions))

    def _of_batch(self, batch: Batch) -> Iterator[Push]:
        stream = batch.stream
        batch.revision = stream.event.revision
        if batch.full or stream.event.touch != batch.event.touch:
            self._turns.append(stream.event.stream_id)
        else:
            stream.drained = True
            self._rest_if_done(stream)
        if batch.full:
            self._claim_ahead()
        for done, session in enumerate(batch.sessions):
            # What has been in our hands for half the lease may soon be in another worker's.
            if self._over or time.monotonic() - batch.began > self._policy.lease / 2:
                self._hands.give_back(batch, batch.sessions[done:], self._clock())
                return
            if session.expires_at <= batch.now:
                self._hands.note(batch, expire(session, batch.now))
                continue
            yield Push(
                token=session.token,
                payload=stream.payload,
                apns_id=next(self._apns_ids),
                priority=AT_ONCE,
                expiration=int(session.expires_at),
                session=session,
            )

    def _read_again(self, stream: Stream) -> bool:
        """Whether there is still something to tell; what it is may have changed meanwhile."""
        event = self._storage.event(stream.event.stream_id)
        held = event is not None and event.held_since is not None
        if event is None or event.event is None or (held and event.due_at > self._clock()):
            self._streams.pop(stream.event.stream_id, None)
            return False
        if event.revision != stream.event.revision:
            try:
                stream.payload = event_payload(event)
            except PayloadTooLarge:  # announced by a version with another limit
                self._hold(event, "PayloadTooLarge")
                return False
        stream.event = event
        return True

    # --- what became of it -------------------------------------------------------------------

    def _take(self, result: PushResult) -> None:
        batch = self._hands.batch_of(result.push.session)
        if batch is None:
            return
        result = blamed(result)
        settlement = settle(
            result,
            revision=batch.revision,
            claimed_at=batch.now,
            # Whole seconds, never early: results of one second are settled in one statement.
            now=math.ceil(self._clock()),
        )
        self.tally.count(result, settlement)
        self._hands.note(batch, settlement)
        if result.verdict is Verdict.UNREACHABLE:
            self.unreachable = result.reason or "no answer"
        elif result.verdict is Verdict.MISCONFIGURED and not self.misconfigured:
            self.misconfigured = result.reason or "refused for every token"
            self._hold(batch.stream.event, self.misconfigured)
        self._hands.go_on()

    def _settled(self, settlements: list[Settlement]) -> None:
        self._on_settled(settlements)
        for stream_id in dict.fromkeys(each.session.stream_id for each in settlements):
            stream = self._streams.get(stream_id)
            if stream is not None:
                self._rest_if_done(stream)

    # --- when to look again ------------------------------------------------------------------

    def _hold(self, event: StreamEvent, reason: str) -> None:
        hold(self._storage, event, reason, self._clock())
        self._streams.pop(event.stream_id, None)

    def _rest_if_done(self, stream: Stream) -> None:
        if not stream.drained or self._hands.has_some_of(stream.event.stream_id):
            return
        event = stream.event
        self._streams.pop(event.stream_id, None)
        due_at = next_look(self._storage, event, self._clock(), self._policy.sweep_interval)
        if self._storage.rest(event, due_at):
            self.next_due = min(self.next_due, due_at)
        else:  # touched or announced meanwhile: due now
            self.next_due = 0.0
