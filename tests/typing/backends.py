"""A storage and a push backend of somebody else's, as ``mypy --strict`` must take them.

Checked by ``make lint``, and run by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_type

from flask_allmine_liveactivity import (
    Counts,
    Decide,
    MemoryStorage,
    Outcome,
    Push,
    PushBackend,
    PushResult,
    Resolution,
    Resolve,
    Session,
    Sessions,
    SessionStatus,
    Settlement,
    Storage,
    StreamEvent,
    Streams,
    Verdict,
)
from flask_allmine_liveactivity.storage.memory import MemorySessions


class LoggedPush(PushBackend):
    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            assert_type(push.token, str)
            assert_type(push.payload, bytes)
            assert_type(push.session, Session)
            yield PushResult(push, Verdict.RETRY, status=429, reason="slow", retry_after=2.5)

    def remedy(self, reason: str) -> str | None:
        return super().remedy(reason) or "wait"

    def encode(self, event: StreamEvent) -> bytes:
        return super().encode(event)

    def close(self) -> None:
        pass


class CountingSessions(MemorySessions):
    """Builds on those of ours."""

    settled = 0

    def settle(self, settlements: Sequence[Settlement]) -> int:
        counted = super().settle(settlements)
        self.settled += counted
        return counted


class BorrowedSessions(Sessions):
    """Every method that sessions must have, in its own words."""

    def __init__(self, other: Sessions) -> None:
        self._other = other

    def register(
        self, session: Session, resolve: Resolve, *, at_most: int | None = None
    ) -> Resolution:
        resolution = self._other.register(session, resolve, at_most=at_most)
        assert_type(resolution.outcome, Outcome)
        assert_type(resolution.write, Session | None)
        return resolution

    def count_of_user(self, user_id: str) -> int:
        return self._other.count_of_user(user_id)

    def page(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        return self._other.page(
            after=after, limit=limit, stream_id=stream_id, user_id=user_id, status=status
        )

    def claim(
        self,
        stream_id: str,
        revision: int,
        *,
        claim_id: str,
        limit: int,
        now: float,
        leased_until: float,
        round_robin: bool = False,
    ) -> list[Session]:
        claimed = self._other.claim(
            stream_id,
            revision,
            claim_id=claim_id,
            limit=limit,
            now=now,
            leased_until=leased_until,
            round_robin=round_robin,
        )
        assert_type(claimed, list[Session])
        return claimed

    def settle(self, settlements: Sequence[Settlement]) -> int:
        return self._other.settle(settlements)

    def next_due(self, stream_id: str, revision: int, *, round_robin: bool = False) -> float | None:
        return self._other.next_due(stream_id, revision, round_robin=round_robin)

    def forget_refusals(self, events: Sequence[StreamEvent], now: float) -> int:
        return self._other.forget_refusals(events, now)

    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        return self._other.revive(stream_id, now)

    def release(self, user_id: str, device_id: str) -> int:
        return self._other.release(user_id, device_id)

    def forget_user(self, user_id: str) -> int:
        return self._other.forget_user(user_id)

    def purge(self, before: float) -> int:
        return self._other.purge(before)


class BorrowedStreams(Streams):
    """The same for streams."""

    def __init__(self, other: Streams) -> None:
        self._other = other

    def write(self, stream_id: str, decide: Decide) -> StreamEvent | None:
        return self._other.write(stream_id, decide)

    def read(self, stream_id: str) -> StreamEvent | None:
        return self._other.read(stream_id)

    def due(self, now: float, limit: int) -> list[StreamEvent]:
        return self._other.due(now, limit)

    def first_due(self) -> float | None:
        return self._other.first_due()

    def take_questions(self, now: float, limit: int, again_at: float) -> list[StreamEvent]:
        return self._other.take_questions(now, limit, again_at)

    def begin(self, events: Sequence[StreamEvent], at: float) -> None:
        self._other.begin(events, at)

    def held(self, limit: int) -> list[StreamEvent]:
        return self._other.held(limit)

    def stamp(self, events: Sequence[StreamEvent], at: int) -> dict[str, int]:
        return self._other.stamp(events, at)

    def rest(self, rests: Sequence[tuple[StreamEvent, float]]) -> int:
        return self._other.rest(rests)

    def recall(self, now: float) -> int:
        return self._other.recall(now)

    def lift(self, stream_id: str | None) -> int:
        return self._other.lift(stream_id)

    def purge(self, before: float) -> int:
        return self._other.purge(before)


class BorrowedStorage(Storage):
    """The same for all of a storage."""

    def __init__(self, other: Storage) -> None:
        self._other = other
        self.sessions = BorrowedSessions(other.sessions)
        self.streams = BorrowedStreams(other.streams)

    def prepare(self) -> None:
        self._other.prepare()

    def close(self) -> None:
        self._other.close()

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        return self._other.counts(now, stream_id)


def makes_all_of_them() -> tuple[Storage, Storage, PushBackend]:
    return (
        MemoryStorage(sessions=CountingSessions()),
        BorrowedStorage(MemoryStorage()),
        LoggedPush(),
    )
