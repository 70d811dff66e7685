"""Who is in a run's hands: claimed, and not settled yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask_allmine_liveactivity.model import Session, Settlement, StreamEvent
from flask_allmine_liveactivity.settling import Settling
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.verdicts import release


@dataclass(slots=True)
class Stream:
    """A stream that a run is at."""

    event: StreamEvent
    payload: bytes
    drained: bool = False


@dataclass(slots=True)
class Batch:
    """What one claim has brought.

    A session is known by its claim too: a token that has changed, or a clock that is set ahead,
    brings us one again while its last push is under way.
    """

    stream: Stream
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

    @property
    def full(self) -> bool:
        """Whether there may be more where they come from."""
        return len(self.sessions) == self.limit


class Hands:
    """Holds what was claimed until it is known what becomes of it, and settles that.

    Args:
        storage: Where to.
        batch_size: So many are settled at once.
        settled: Called with what has been settled, in the thread that uses this.
    """

    def __init__(
        self, storage: Storage, batch_size: int, settled: Callable[[list[Settlement]], object]
    ) -> None:
        self._batches: dict[str | None, Batch] = {}  # by claim
        # By stream id: a stream that is announced anew in mid-run still has pushes in flight.
        self._unsettled: Counter[str] = Counter()
        self._tell = settled
        self._settling = Settling(storage, batch_size, self._settled)

    def take(self, batch: Batch) -> None:
        """Hold what a claim has brought."""
        batch.in_hand = {session.session_id: session for session in batch.sessions}
        if batch.sessions:
            self._batches[batch.claim_id] = batch
        self._unsettled[batch.event.stream_id] += len(batch.sessions)

    def batch_of(self, session: Session) -> Batch | None:
        """The batch in which a session came; ``None``: it is not in our hands any more."""
        batch = self._batches.get(session.claim_id)
        return batch if batch is not None and session.session_id in batch.in_hand else None

    def has_some_of(self, stream_id: str) -> bool:
        """Whether some of a stream are still to be settled."""
        return self._unsettled[stream_id] > 0

    def note(self, batch: Batch, settlement: Settlement) -> None:
        """Let one go that has come in a batch: this is what becomes of it."""
        del batch.in_hand[settlement.session.session_id]
        if not batch.in_hand:
            del self._batches[batch.claim_id]
        self._settling.add(settlement)

    def go_on(self) -> None:
        """Settle what it is time for.

        Raises:
            StorageUnavailable: Some could not be settled; the end tries it again.
        """
        self._settling.go_on()

    def give_back(self, batch: Batch, sessions: Sequence[Session], now: float) -> None:
        """Let some go untouched."""
        for session in sessions:
            self.note(batch, release(session, now))

    def give_all_back(self, now: float) -> None:
        """Let all go that are still held."""
        for batch in list(self._batches.values()):
            self.give_back(batch, list(batch.in_hand.values()), now)

    def close(self) -> None:
        """Wait for those that are being settled; what became of them is seen to in ``finish``."""
        self._settling.close()

    def finish(self) -> None:
        """Settle the rest here and now."""
        self._settling.finish()

    def _settled(self, settlements: list[Settlement]) -> None:
        self._unsettled -= Counter(settlement.session.stream_id for settlement in settlements)
        self._tell(settlements)
