"""Phones that must be told of a stream's end, and phones that must not, whatever goes wrong.

The last word on each fault is ``Audience.check``: everybody has been told or was given up for a
reason that is on record, and nobody was told who should not have been.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flask_allmine_liveactivity.model import Session, SessionStatus, StreamState
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

STREAM = "65f000000000000000000001"
STREAM_TO_COME = "65f000000000000000000002"
LIFETIME = 12 * 3600.0
BYSTANDERS = 20


def a_token(number: int, stream: str = STREAM, life: int = 0) -> str:
    """A runtime token of a phone; each of its lives has another."""
    return f"{stream}{life:08x}{number:0128x}"


class Audience:
    """The phones of one stream that ends, and beside them of one that does not.

    Args:
        storage: Where they register.
        apns: Where their pushes arrive.
    """

    def __init__(self, storage: Storage, apns: LocalApns) -> None:
        self._storage = storage
        self._apns = apns
        self.tokens: set[str] = set()
        """Of those who must be told."""
        self.never: set[str] = set()
        """Which must not be pushed to: of the other stream, or replaced by a newer one."""

    def gather(self, count: int) -> None:
        """Register so many, a few with a token that was replaced, and the bystanders."""
        for number in range(count):
            self.register(number)
        for number in range(0, count, max(1, count // BYSTANDERS)):
            self.rotate(number)
        for number in range(BYSTANDERS):
            token = a_token(number, STREAM_TO_COME)
            assert self._register(number, token, STREAM_TO_COME) is Answer.REGISTERED
            self.never.add(token)

    def register(self, number: int) -> Answer:
        """A phone of the stream that ends; it may be late."""
        token = a_token(number)
        answer = self._register(number, token, STREAM)
        self.tokens.add(token)
        return answer

    def rotate(self, number: int) -> None:
        """A phone gets a new token. Only before the end: later the old one may be in flight."""
        old, new = a_token(number), a_token(number, life=1)
        assert self._register(number, new, STREAM) is Answer.REGISTERED
        self.tokens -= {old}
        self.never.add(old)
        self.tokens.add(new)

    def _register(self, number: int, token: str, stream: str) -> Answer:
        return register(
            self._storage,
            Claimant(
                user_id=f"user-{number}",
                device_id=f"iphone-{number}",
                activity_id=f"activity-{stream}-{number}",
                stream_id=stream,
                token=token,
            ),
            now=time.time(),
            lifetime=LIFETIME,
            max_per_user=None,
        )

    def end(self) -> None:
        """Announce the end, and tell nobody that there is something to deliver."""
        now = time.time()
        announcement = announcement_of_end(
            STREAM,
            StreamState.READY,
            content_state=None,
            alert=None,
            dismiss_after=0.0,
            now=now,
            ttl=2 * LIFETIME,
        )
        self._storage.streams.announce(announcement, now)

    # --- what became of it -------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many are still to be told."""
        return self._storage.counts(time.time(), STREAM).pending

    def wait_until_told(self, seconds: float) -> None:
        """Wait until nobody is pending."""
        assert until(lambda: not self.pending, seconds), f"{self.pending} are still pending"

    def check(self) -> None:
        """Nothing is lost, and nothing was told that should not be."""
        rows = self._storage.sessions.page(limit=10 * len(self.tokens) + 1000)
        told = {received.token for received in self._apns.accepted}
        assert not told & self.never
        assert told <= self.tokens
        of_the_stream = {row.token: row for row in rows if row.stream_id == STREAM}
        assert of_the_stream.keys() == self.tokens
        lost = [row for row in of_the_stream.values() if not _is_accounted_for(row, told)]
        assert not lost, f"{len(lost)} are lost, such as {lost[0]}"
        others = [row for row in rows if row.stream_id == STREAM_TO_COME]
        assert {(row.status, row.delivered) for row in others} == {(SessionStatus.ACTIVE, 0)}


def _is_accounted_for(row: Session, told: set[str]) -> bool:
    """Told, and on record as told; or given up for a reason that is on record."""
    if row.status is SessionStatus.ENDED:
        return row.token in told and row.delivered > 0 and row.claim_id is None
    return row.status is SessionStatus.DEAD and bool(row.reason)


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait until `condition` holds; ``False`` where it never did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
