"""Results on their way into the storage."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from flask_allmine_liveactivity.delivery.outcomes import overruled
from flask_allmine_liveactivity.model import Settlement
from flask_allmine_liveactivity.storage.sessions import Sessions

# Results are settled together, but none waits longer than this, in seconds.
SETTLE_AFTER = 1.0


class SettlementWriter:
    """Settles many at a time, in a thread of its own, whatever its caller is waiting for.

    Args:
        sessions: Where to.
        batch_size: So many are settled at once.
        settled: Called with what has been settled, in the thread that uses this.
    """

    def __init__(
        self, sessions: Sessions, batch_size: int, settled: Callable[[list[Settlement]], object]
    ) -> None:
        self._sessions = sessions
        self._batch_size = batch_size
        self._tell = settled
        self._changed = threading.Condition()
        self._waiting: list[Settlement] = []
        self._settled: deque[list[Settlement]] = deque()
        self._error: BaseException | None = None
        self._hurried = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def add(self, settlement: Settlement) -> None:
        """To be settled soon."""
        with self._changed:
            self._waiting.append(settlement)
            if len(self._waiting) in (1, self._batch_size):
                self._changed.notify_all()

    def go_on(self, *, more_to_come: bool) -> None:
        """Hear of what has been settled, and wait where too much is still to be.

        Args:
            more_to_come: Somebody waits for an answer, perhaps for long: what is there is settled
                meanwhile. Otherwise ``finish`` comes at once, and does it without a thread.

        Raises:
            StorageUnavailable: They could not be settled; the end tries it again.
        """
        if self._thread is None and (more_to_come or len(self._waiting) >= self._batch_size):
            self._start()
        with self._changed:
            # Not more than one batch behind the one under way, or they would pile up.
            self._changed.wait_for(
                lambda: self._error is not None or len(self._waiting) < 2 * self._batch_size
            )
            error, self._error = self._error, None
        self._hear()
        if error is not None:
            raise error

    def hurry(self) -> None:
        """Let no result wait for others from now on."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for those under way; what became of them is seen to in ``finish``."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._hear()

    def finish(self) -> None:
        """Settle the rest here and now."""
        if self._waiting:
            self._settle(self._waiting)
            self._tell(self._waiting)

    def _hear(self) -> None:
        while self._settled:
            self._tell(self._settled.popleft())

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="live-activity-settlements", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # "can't start new thread": here and now
            self._settle_waiting()
            return
        self._thread = thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                self._changed.wait_for(
                    lambda: (
                        len(self._waiting) >= self._batch_size or self._hurried or self._closing
                    ),
                    SETTLE_AFTER,
                )
                if self._closing:
                    return
            if not self._settle_waiting():
                return

    def _settle_waiting(self) -> bool:
        with self._changed:
            settlements, self._waiting = self._waiting, []
            self._changed.notify_all()
        try:
            self._settle(settlements)
        except BaseException as error:
            with self._changed:
                self._waiting[:0] = settlements
                self._error = error
                self._changed.notify_all()
            return False
        self._settled.append(settlements)
        return True

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        if self._sessions.settle(settlements) < len(settlements):
            # Some did not count: the phone has been seen since, or has another token. Whoever is
            # still claimed by us is given back.
            self._sessions.settle(
                [overruled(each) for each in settlements if each.whoever_holds_the_lease]
            )
