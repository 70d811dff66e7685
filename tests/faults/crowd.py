"""Phones of many streams, which end one after the other while everything goes wrong."""

from __future__ import annotations

import random
import time
from collections import defaultdict

from flask_allmine_liveactivity.model import Session, SessionStatus, StreamState
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .audience import LIFETIME, a_token, until


class Crowd:
    """Who has which token of which stream, and who must be told.

    Args:
        storage: Where they register.
        apns: Where their pushes arrive.
        streams: How many there are.
        chance: Whose turn it is.
    """

    def __init__(
        self, storage: Storage, apns: LocalApns, streams: int, chance: random.Random
    ) -> None:
        self._storage = storage
        self._apns = apns
        self._chance = chance
        self.to_come = [f"65f000000000000000{number:06x}" for number in range(1, streams + 1)]
        self.ended: list[str] = []
        self._tokens: dict[str, list[str]] = defaultdict(list)
        """By phone: the token it has, and before it those that it had."""
        self._of_stream: dict[str, list[int]] = defaultdict(list)
        self._phones = 0

    def arrive(self, count: int) -> None:
        """Some phones register for a stream; it may have ended already."""
        stream = self._chance.choice(self.to_come + self.ended)
        for _ in range(count):
            self._phones += 1
            self._of_stream[stream].append(self._phones)
            self._register(stream, self._phones)

    def rotate(self) -> None:
        """iOS gives some phones new tokens, before their stream ends."""
        if not self.to_come:
            return
        phones = self._of_stream[stream := self._chance.choice(self.to_come)]
        for phone in self._chance.sample(phones, min(3, len(phones))):
            self._register(stream, phone)

    def end(self) -> None:
        """A stream ends."""
        if not self.to_come:
            return
        stream = self.to_come.pop(self._chance.randrange(len(self.to_come)))
        self.ended.append(stream)
        now = time.time()
        announcement = announcement_of_end(
            stream,
            self._chance.choice(list(StreamState)),
            content_state=None,
            alert=None,
            dismiss_after=0.0,
            now=now,
            ttl=2 * LIFETIME,
        )
        self._storage.streams.announce(announcement, now)

    def _register(self, stream: str, phone: int) -> None:
        had = self._tokens[f"{stream}/{phone}"]
        token = a_token(phone, stream, life=len(had))
        answer = register(
            self._storage,
            Claimant(
                user_id=f"user-{phone}",
                device_id=f"iphone-{phone}",
                activity_id=f"activity-{phone}",
                stream_id=stream,
                token=token,
            ),
            now=time.time(),
            lifetime=LIFETIME,
            max_per_user=None,
        )
        assert answer is (Answer.REGISTERED if stream in self.to_come else Answer.LATE)
        had.append(token)

    # --- what became of it -------------------------------------------------------------------

    def wait_until_told(self, seconds: float) -> None:
        """Wait until nobody is pending, and nobody is in a worker's hands."""
        assert until(lambda: not self._left(), seconds), f"such as {self._left()[:3]}"

    def _left(self) -> list[Session]:
        return [
            row
            for row in self._rows()
            if row.stream_id in self.ended and (row.status is SessionStatus.ACTIVE or row.claim_id)
        ]

    def check(self) -> None:
        """Nothing is lost, and nothing was told that should not be."""
        told = {received.token for received in self._apns.accepted}
        newest = {had[-1] for had in self._tokens.values()}
        replaced = {token for had in self._tokens.values() for token in had[:-1]}
        of_ended = {token for token in newest if token.startswith(tuple(self.ended))}
        assert not told & replaced
        assert told <= of_ended
        rows = {row.token: row for row in self._rows()}
        assert rows.keys() == newest
        lost = [rows[token] for token in of_ended if not _is_accounted_for(rows[token], told)]
        assert not lost, f"{len(lost)} are lost, such as {lost[0]}"

    def _rows(self) -> list[Session]:
        return self._storage.sessions.page(limit=100_000)


def _is_accounted_for(row: Session, told: set[str]) -> bool:
    if row.status is SessionStatus.ENDED:
        return row.token in told
    return row.status is SessionStatus.DEAD and bool(row.reason)
