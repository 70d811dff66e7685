"""What a run has in flight: claimed, and not settled yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from flask_allmine_liveactivity.delivery.batch import Batch
from flask_allmine_liveactivity.delivery.outcomes import give_back
from flask_allmine_liveactivity.delivery.settlement_writer import SettlementWriter
from flask_allmine_liveactivity.model import Push, Session, Settlement
from flask_allmine_liveactivity.storage.sessions import Sessions


class InFlight:
    """What was claimed, until it is known what becomes of it: then it is settled.

    Args:
        sessions: Where to.
        batch_size: So many are settled at once.
        settled: Called with what has been settled, in the thread that uses this.
    """

    def __init__(
        self, sessions: Sessions, batch_size: int, settled: Callable[[list[Settlement]], object]
    ) -> None:
        self._batches: dict[tuple[str | None, str], Batch] = {}  # by claim and stream
        # By stream id: a stream that is announced anew in mid-run still has pushes in flight.
        self._counts: Counter[str] = Counter()
        self._tell = settled
        self._writer = SettlementWriter(sessions, batch_size, self._settled)

    def take(self, batch: Batch) -> None:
        """Take in what a claim has brought."""
        batch.unsettled = {session.session_id: session for session in batch.sessions}
        if batch.sessions:
            self._batches[batch.claim_id, batch.event.stream_id] = batch
        self._counts[batch.event.stream_id] += len(batch.sessions)

    def batch_of(self, session: Session) -> Batch | None:
        """The batch in which a session came; ``None``: it is not in flight any more."""
        batch = self._batches.get((session.claim_id, session.stream_id))
        return batch if batch is not None and session.session_id in batch.unsettled else None

    def has_some_of(self, stream_id: str) -> bool:
        """Whether some of a stream are still to be settled."""
        return self._counts[stream_id] > 0

    def note(self, batch: Batch, settlement: Settlement) -> None:
        """Let one go that has come in a batch: this is what becomes of it."""
        del batch.unsettled[settlement.session.session_id]
        if not batch.unsettled:
            del self._batches[batch.claim_id, batch.event.stream_id]
        self._writer.add(settlement)

    def go_on(self) -> None:
        """Settle what it is time for.

        Raises:
            StorageUnavailable: Some could not be settled; the end tries it again.
        """
        self._writer.go_on(more_to_come=bool(self._batches))

    def give_back(self, batch: Batch, sessions: Sequence[Session]) -> None:
        """Let some go untouched."""
        for session in sessions:
            self.note(batch, give_back(session))

    def give_all_back(self) -> None:
        """Let all go that are still here."""
        for batch in list(self._batches.values()):
            self.give_back(batch, list(batch.unsettled.values()))

    def take_back(self, pushes: Iterable[Push]) -> None:
        """Let those go untouched that the push backend has drawn and not sent, while answers to
        others are awaited.

        Raises:
            StorageUnavailable: Some could not be settled; the end tries it again.
        """
        for push in pushes:
            batch = self.batch_of(push.session)
            if batch is not None:
                self.note(batch, give_back(push.session))
        self.go_on()

    def leave(self) -> list[Session]:
        """The run is to end, and the process may go at any moment: settle each result at once from
        now on. Of any thread.

        Returns those that have not been handed to the push backend.
        """
        self._writer.hurry()
        return [session for batch in list(self._batches.values()) for session in batch.unsent]

    def close(self) -> None:
        """Wait for those that are being settled; what became of them is seen to in ``finish``."""
        self._writer.close()

    def finish(self) -> None:
        """Settle the rest here and now."""
        self._writer.finish()

    def _settled(self, settlements: list[Settlement]) -> None:
        self._counts -= Counter(settlement.session.stream_id for settlement in settlements)
        self._tell(settlements)
