"""What streams must tell, one row each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from flask_allmine_liveactivity.model import Announcement, Decide, StreamEvent
from flask_allmine_liveactivity.model.stream_writes import to_announce, to_hold, to_reopen, to_wake


class Streams(ABC):
    """The rows of streams.

    What a row becomes is decided by pure functions, on every storage by the same ones: a storage
    has only to ``write`` what they say, in one atomic step.

    .. versionadded:: 0.1.0
    """

    @abstractmethod
    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        """Write what `decide` makes of a stream's row, atomically and durably.

        Reads the row, calls `decide` with it, and writes what it answers where nobody has written
        in between; else it reads and decides again. Nothing is written where the answer is
        ``None``, or what was given. Returns the row as it stands then, if there is one.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def read(self, stream_id: str) -> StreamEvent | None:
        """The stream's row as it stands, also one without anything to tell.

        Sees whatever was committed before it was called.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def due(self, now: float, limit: int) -> list[StreamEvent]:
        """Rows with ``due_at <= now``, by ``due_at``: one index scan.

        Without those of a kind that this version does not know (``KINDS``), which a newer one
        tells: they would take the places of those that are told here.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def first_due(self) -> float | None:
        """The earliest ``due_at`` of those that ``due`` would find in time; ``None``: there is
        none. One look into the index.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        """Take up to `limit` rows with ``check_at <= now``, and put their next question off:
        ``check_at`` becomes `again_at`, before the host is asked. None is taken by two at once.

        Returns them as they stand then. No question changes ``due_at``.

        .. versionadded:: 0.1.0
        """

    def adopt(self, now: float) -> int:
        """See that the host is asked about each stream that has active sessions: an earlier version
        beside this one writes no row for them, or one of which nobody is asked.

        Writes a row as ``to_wake`` does where there is none, and ``check_at = now`` where there is
        one without an end, and without a question. Returns how many; a storage that no earlier
        version has written to has none.

        .. versionadded:: 0.1.0
        """
        return 0

    @abstractmethod
    def held(self, limit: int) -> list[StreamEvent]:
        """Rows that are held, the longest held first.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def stamp(self, events: Sequence[StreamEvent], at: int) -> dict[str, int]:
        """Raise the ``timestamp`` of events to `at` seconds, where it is not higher, **only if**
        their ``revision`` is still the one given, in one atomic step each.

        What a push carries comes from the row alone, whichever machine sends it. Returns the
        timestamps as they stand then, by stream id; without those of another revision.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        """Look at events again at a time each, and lift their holds: **only if** ``revision`` and
        ``touch`` are still those given, in one atomic step each. ``touch`` becomes
        ``rested(touch)``.

        Committed when it returns: who rests an event looks for pending sessions afterwards. Returns
        how many were still as given.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def recall(self, now: float) -> int:
        """Make due the rows that an earlier version has put to rest beside this one: it looked for
        pending sessions before that, and not afterwards.

        Those with an odd ``touch`` and ``due_at > now``, an end, and no hold: no earlier version
        has told anything else.
        Returns how many.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def lift(self, stream_id: str | None) -> int:
        """Lift the hold of a stream, or of all: due now. Returns how many were held.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def purge(self, before: float) -> int:
        """Delete rows that expired before `before`; returns how many.

        .. versionadded:: 0.1.0
        """

    def announce(self, announcement: Announcement, now: float) -> StreamEvent:
        """Write the latest thing to be told of a stream, as ``next_event`` decides.

        .. versionadded:: 0.1.0
        """
        return _there(self.write(announcement.stream_id, to_announce(announcement, now)))

    @abstractmethod
    def begin(self, events: Sequence[StreamEvent], at: float) -> None:
        """Write down that a round of updates begins, where their ``revision`` is still the one
        given: ``told_at`` becomes `at`.

        .. versionadded:: 0.1.0
        """

    def wake(
        self, stream_id: str, expires_at: float, now: float, *, ask_at: float | None = None
    ) -> StreamEvent | None:
        """See that a session that was committed before is found by whoever delivers.

        Reads the row, and writes only where a worker rests it, or may: then it is due, unless it is
        held. It is kept until `expires_at` at the least. One of the two sees the other: a worker
        rests the row and then looks for sessions, the phone commits its session and then looks at
        the row. Returns the row; ``None``, or one without an event, where nothing is to be told.

        Args:
            stream_id: The stream.
            expires_at: Until when the row is kept.
            now: The time.
            ask_at: When the host is asked what the stream is, where it is not asked yet: the row
                is written where there is none.

        .. versionadded:: 0.1.0
        """
        decide = to_wake(stream_id, expires_at, now, ask_at=ask_at)
        current = self.read(stream_id)
        return current if decide(current) is current else self.write(stream_id, decide)

    def hold(self, event: StreamEvent, reason: str, since: float, due_at: float) -> None:
        """Hold an event back until `due_at`, if its revision is still the one of `event`.

        .. versionadded:: 0.1.0
        """
        self.write(event.stream_id, to_hold(event, reason, since, due_at))

    def reopen(
        self,
        stream_id: str,
        now: float,
        *,
        ask_at: float | None = None,
        kept_until: float | None = None,
    ) -> StreamEvent:
        """Forget a stream's end: nothing to tell, the revision one higher. What updates say stays.

        Args:
            stream_id: The stream.
            now: The time.
            ask_at: When the host is asked next.
            kept_until: Until when the row is kept at the least.

        .. versionadded:: 0.1.0
        """
        decide = to_reopen(stream_id, now, ask_at=ask_at, kept_until=kept_until)
        return _there(self.write(stream_id, decide))


def _there(event: StreamEvent | None) -> StreamEvent:
    assert event is not None  # it was written, or stood
    return event
