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
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

from flask_allmine_liveactivity.errands import Errands
from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.heap import StillHeap
from flask_allmine_liveactivity.model import (
    NEVER,
    Push,
    PushResult,
    Session,
    Settlement,
    StreamEvent,
    Verdict,
    new_apns_ids,
    new_id,
)
from flask_allmine_liveactivity.policy import Policy
from flask_allmine_liveactivity.push.apns.payload import event_payload
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.settling import Settling
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.tally import Tally
from flask_allmine_liveactivity.verdicts import expire, release, settle

# Apple, "Sending notification requests to APNs": 10 sends at once.
AT_ONCE = 10
# How often a run looks for streams that have become due meanwhile, in seconds.
LOOK_AGAIN = 0.5
# How many streams a run takes up at a time.
STREAMS = 100
# How many sessions are claimed at first, and at the least.
FIRST_BATCH = 100
SMALLEST_BATCH = 10
# A batch takes at most about so many seconds to go out, for the next stream waits for it.
LONGEST_TURN = 0.5
# How long an event is held at first, and at the longest, in seconds.
FIRST_HOLD = 60.0
LONGEST_HOLD = 15 * 60.0
# An event with nothing pending is looked at again at intervals that grow to this, in seconds.
LONGEST_REST = 3600.0


@dataclass(slots=True)
class _Stream:
    """A stream that this run is at."""

    event: StreamEvent
    payload: bytes
    drained: bool = False


@dataclass(slots=True)
class _Batch:
    """What one claim has brought.

    A session is known by its claim too: a token that has changed, or a clock that is set ahead,
    brings us one again while its last push is under way.
    """

    stream: _Stream
    event: StreamEvent
    """As it was read before: only what was touched by then has surely been seen."""
    revision: int
    """What is pushed; it may have risen since they were claimed."""
    claim_id: str
    limit: int
    sessions: list[Session]
    now: float
    began: float
    """By the monotonic clock, by which leases are measured."""
    seconds: float
    read: bool = False
    """Whether the event was read just before it was claimed, and not only when it was due."""
    in_hand: dict[str, Session] = field(default_factory=dict)
    """By id, those of whom it is not known yet what becomes of them."""


class _Source:
    """Pushes for as long as there are any; asked again later, it may have some again.

    Args:
        pushes: All that can be sent now, with a look for streams that have become due.
        waited: Seconds since the last look.
    """

    def __init__(self, pushes: Callable[[], Iterator[Push]], waited: Callable[[], float]) -> None:
        self._make = pushes
        self._waited = waited
        self._pushes: Iterator[Push] | None = pushes()

    def __iter__(self) -> Iterator[Push]:
        return self

    def __next__(self) -> Push:
        if self._pushes is None and self._waited() >= LOOK_AGAIN:
            self._pushes = self._make()
        push = None if self._pushes is None else next(self._pushes, None)
        if push is None:
            self._pushes = None
            raise StopIteration
        return push


def _is_known_for_it(result: PushResult) -> bool:
    session = result.push.session
    return session.attempts > 0 and session.reason == result.reason


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
        self._streams: dict[str, _Stream] = {}
        self._newcomers: deque[str] = deque()
        """Streams that have had no turn yet: theirs comes first, and is short."""
        self._turns: deque[str] = deque()
        self._in_hand: dict[str | None, _Batch] = {}
        """By claim, the batches of which somebody is in our hands."""
        self._limit = min(FIRST_BATCH, policy.batch_size)
        self._claiming = Errands("live-activity-claims")
        self._settling = Settling(storage, policy.batch_size, self._settled)
        self._heap = StillHeap()
        self._next: Future[_Batch] | None = None
        # By stream id: a stream that is announced anew in mid-run still has pushes in flight.
        self._unsettled: Counter[str] = Counter()
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
        results = self._push.send(_Source(self._pushes, self._waited))
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
                self._hold_in_hands(self._next.result())
            for batch in list(self._in_hand.values()):
                self._give_back(batch, list(batch.in_hand.values()))
        finally:
            self._settling.close()
        self._settling.finish()

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
                self._give_back(batch, batch.sessions)
                continue
            began = time.monotonic()  # a slow storage is no reason for smaller batches
            self._spent_on_newcomers = 0.0
            for push in self._of_batch(batch):
                yield push
                if self._waited() >= LOOK_AGAIN:
                    self._look_for_streams()
                    yield from self._to_newcomers()
            self._pace(batch, time.monotonic() - began - self._spent_on_newcomers)

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
        self._streams[event.stream_id] = _Stream(event, payload)
        self._newcomers.append(event.stream_id)

    def _next_batch(self) -> _Batch | None:
        """The batch that was claimed ahead, or the next stream's; ``None``: all are drained."""
        if self._next is not None:
            ahead = self._next.result()
            self._next = None
            self._hold_in_hands(ahead)
            return ahead
        while self._turns:
            batch = self._claim_now(self._turns.popleft(), self._limit)
            if batch is not None:
                return batch
        return None

    def _claim_now(self, stream_id: str, limit: int) -> _Batch | None:
        stream = self._streams[stream_id]
        if not self._read_again(stream) or self._left_to_others(stream):
            return None
        batch = self._claim(stream, min(limit, self._limit))
        batch.read = True
        self._hold_in_hands(batch)
        return batch

    def _left_to_others(self, stream: _Stream) -> bool:
        """Whether another worker has put the stream to rest since it was seen to be due."""
        event = stream.event
        if self._only is not None or event.due_at <= self._clock():
            return False
        del self._streams[event.stream_id]
        return True

    def _claim_ahead(self) -> None:
        if self._turns and self._next is None:
            stream = self._streams[self._turns.popleft()]
            self._next = self._claiming.run(partial(self._claim, stream, self._limit))

    def _claim(self, stream: _Stream, limit: int) -> _Batch:
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
        return _Batch(
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

    def _hold_in_hands(self, batch: _Batch) -> None:
        batch.in_hand = {session.session_id: session for session in batch.sessions}
        if batch.sessions:
            self._in_hand[batch.claim_id] = batch
        self._unsettled[batch.event.stream_id] += len(batch.sessions)
        self._heap.claimed(len(batch.sessions))

    def _of_batch(self, batch: _Batch) -> Iterator[Push]:
        stream = batch.stream
        batch.revision = stream.event.revision
        full = len(batch.sessions) == batch.limit
        if full or stream.event.touch != batch.event.touch:
            self._turns.append(stream.event.stream_id)
        else:
            stream.drained = True
            self._rest_if_done(stream)
        if full:
            self._claim_ahead()
        for done, session in enumerate(batch.sessions):
            # What has been in our hands for half the lease may soon be in another worker's.
            if self._over or time.monotonic() - batch.began > self._policy.lease / 2:
                self._give_back(batch, batch.sessions[done:])
                return
            if session.expires_at <= batch.now:
                self._note(batch, expire(session, batch.now))
                continue
            yield Push(
                token=session.token,
                payload=stream.payload,
                apns_id=next(self._apns_ids),
                priority=AT_ONCE,
                expiration=int(session.expires_at),
                session=session,
            )

    def _pace(self, batch: _Batch, seconds: float) -> None:
        """Claim more at a time while batches go out quickly, and less where one eats up its lease
        or keeps the next stream waiting."""
        lease = self._policy.lease
        full = len(batch.sessions) == batch.limit  # a few go out quickly at any Apple
        if batch.seconds > lease / 10 or seconds > LONGEST_TURN:
            self._limit = max(SMALLEST_BATCH, self._limit // 2)
        elif full and batch.seconds < lease / 50 and seconds < LONGEST_TURN / 4:
            self._limit = min(self._policy.batch_size, self._limit * 2)

    def _read_again(self, stream: _Stream) -> bool:
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
        session = result.push.session
        batch = self._in_hand.get(session.claim_id)
        if batch is None or session.session_id not in batch.in_hand:
            return
        if result.verdict is Verdict.UNREACHABLE and _is_known_for_it(result):
            # It has had no answer before, where others had one: no reason to let those wait.
            result = replace(result, verdict=Verdict.RETRY)
        settlement = settle(
            result,
            revision=batch.revision,
            claimed_at=batch.now,
            # Whole seconds, never early: results of one second are settled in one statement.
            now=math.ceil(self._clock()),
        )
        self.tally.count(result, settlement)
        self._note(batch, settlement)
        if result.verdict is Verdict.UNREACHABLE:
            self.unreachable = result.reason or "no answer"
        elif result.verdict is Verdict.MISCONFIGURED and not self.misconfigured:
            self.misconfigured = result.reason or "refused for every token"
            self._hold(batch.stream.event, self.misconfigured)
        self._settling.go_on()

    def _note(self, batch: _Batch, settlement: Settlement) -> None:
        del batch.in_hand[settlement.session.session_id]
        if not batch.in_hand:
            del self._in_hand[batch.claim_id]
        self._settling.add(settlement)

    def _give_back(self, batch: _Batch, sessions: list[Session]) -> None:
        now = self._clock()
        for session in sessions:
            self._note(batch, release(session, now))

    def _settled(self, settlements: list[Settlement]) -> None:
        self._on_settled(settlements)
        counts = Counter(settlement.session.stream_id for settlement in settlements)
        self._unsettled -= counts
        for stream_id in counts:
            stream = self._streams.get(stream_id)
            if stream is not None:
                self._rest_if_done(stream)

    # --- when to look again ------------------------------------------------------------------

    def _hold(self, event: StreamEvent, reason: str) -> None:
        now = self._clock()
        since = now if event.held_since is None else event.held_since
        wait = min(LONGEST_HOLD, max(FIRST_HOLD, now - since))
        self._storage.hold(event, reason, since, now + wait)
        self._streams.pop(event.stream_id, None)

    def _rest_if_done(self, stream: _Stream) -> None:
        if not stream.drained or self._unsettled[stream.event.stream_id]:
            return
        event = stream.event
        self._streams.pop(event.stream_id, None)
        due_at = self._storage.next_due(event.stream_id, event.revision)
        if due_at is None:
            now = self._clock()
            age = now - event.timestamp
            quiet = min(LONGEST_REST, max(self._policy.sweep_interval, age))
            due_at = NEVER if now >= event.expires_at else min(now + quiet, event.expires_at)
        if self._storage.rest(event, due_at):
            self.next_due = min(self.next_due, due_at)
        else:  # touched or announced meanwhile: due now
            self.next_due = 0.0
