"""What the local APNs has received, and waiting for it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity.simulator.answers import NO_ANSWER
from flask_allmine_liveactivity.simulator.request import fingerprint


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """One request, and what was answered. Its repr shows a fingerprint of the token only."""

    token: str
    """The device token; empty where the path had none."""
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    payload: dict[str, Any] | None
    """The body as JSON, or ``None`` where it is not a JSON object. Pushes with equal bodies share
    one, so do not change it."""
    body: bytes
    status: int
    """What was answered; 0 where nothing was: see ``fault``."""
    reason: str | None
    """Apple's reason; ``None`` with a 200."""
    apns_id: str
    """As sent, or made here where none was."""
    provider_token: str | None
    """The JWT as sent, without ``bearer``."""
    at: float
    """Seconds since the epoch."""
    client: tuple[str, int] | None = None
    """Address and port of the sender: one port, one connection."""
    problems: tuple[str, ...] = ()
    """Why the phone would drop what Apple accepts, one sentence each."""
    fault: str | None = None
    """What happened instead of an answer: ``reset``, ``cut``, ``goaway`` or ``silence``."""
    channel_id: str | None = None
    """The channel of a broadcast that passed all checks."""
    why: str = ""
    """With a refusal: the rule that was broken, and what would have been right."""
    source: str = ""
    """With a refusal: the title of the page on which Apple says so."""

    @property
    def aps(self) -> dict[str, Any]:
        """The ``aps`` dictionary; empty where there is none."""
        aps = (self.payload or {}).get("aps")
        return aps if isinstance(aps, dict) else {}

    @property
    def event(self) -> Any:
        """``start``, ``update`` or ``end``; whatever else was sent; ``None`` where nothing was."""
        return self.aps.get("event")

    @property
    def content_state(self) -> Any:
        """The ``content-state``, or ``None``."""
        return self.aps.get("content-state")

    @property
    def timestamp(self) -> Any:
        """The ``timestamp`` of the payload: seconds since the epoch where it is right."""
        return self.aps.get("timestamp")

    def __repr__(self) -> str:
        return (
            f"Received(token=<{fingerprint(self.token)}>, status={self.status}, "
            f"reason={self.reason!r}, event={self.event!r}, apns_id={self.apns_id!r}, "
            f"client={self.client!r}, problems={self.problems!r})"
        )


class Records:
    """All that was received, in order of arrival. Safe to use from any thread.

    Args:
        keep: How many to keep, the latest; ``None`` keeps all.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._changed = threading.Condition()
        self._kept: deque[Received] = deque(maxlen=keep)
        self._total = 0
        self._accepted = 0

    def add(self, received: Received) -> None:
        """Record one, and wake those who wait."""
        with self._changed:
            self._kept.append(received)
            self._total += 1
            self._accepted += received.status == 200
            self._changed.notify_all()

    def kept(self) -> list[Received]:
        """A copy of what is kept."""
        with self._changed:
            return list(self._kept)

    def accepted(self) -> list[Received]:
        """Those answered with 200."""
        return [received for received in self.kept() if received.status == 200]

    def clear(self) -> None:
        """Forget all of it, and count from zero."""
        with self._changed:
            self._kept.clear()
            self._total = self._accepted = 0

    def wait_for(self, count: int, timeout: float, *, accepted: bool) -> list[Received]:
        """Wait until so many have come since the start or the last ``clear``.

        Raises:
            TimeoutError: They have not. The message says what has.
        """
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: (self._accepted if accepted else self._total) >= count, timeout
            )
            if not arrived:
                raise TimeoutError(self._what_came(count, timeout, accepted=accepted))
        return self.accepted() if accepted else self.kept()

    def _what_came(self, count: int, timeout: float, *, accepted: bool) -> str:
        awaited = "accepted pushes" if accepted else "requests"
        others = Counter(_outcome(received) for received in self._kept if received.status != 200)
        seen = ", ".join(f"{times} x {outcome}" for outcome, times in others.most_common())
        return (
            f"Waited {timeout:g} s for {count} {awaited}, and saw {self._accepted} accepted "
            f"and {self._total - self._accepted} refused{': ' + seen if seen else ''}."
        )


def _outcome(received: Received) -> str:
    if received.status == NO_ANSWER:
        return f"no answer ({received.fault})"
    return f"{received.status} {received.reason or ''}".rstrip()
