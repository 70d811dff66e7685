"""What became of a batch of pushes, summed up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from flask_allmine_liveactivity.model import SessionStatus, Settlement

Outcome = Literal["delivered", "updated", "given up", "retrying", "given back"]

_TOLD: tuple[Outcome, ...] = ("delivered", "updated")

# So many tokens are named by their fingerprints.
FINGERPRINTS = 5


@dataclass(slots=True)
class Settled:
    """Sessions of one stream of which the same has become.

    .. versionadded:: 0.1.0
    """

    stream_id: str
    outcome: Outcome
    """``delivered``: told the end; ``updated``: told what is new, and runs on; ``given back``:
    untouched, since nothing was sent or nobody answered."""
    reason: str | None
    """Apple's, or libcurl's."""
    revision: int | None
    """The revision that was told; ``None`` where none was."""
    count: int = 0
    fingerprints: list[str] = field(default_factory=list)
    """Short names of the first few tokens, where they were refused."""


def summary(settlements: Iterable[Settlement]) -> list[Settled]:
    """Settlements, counted by stream and by what they make of a session."""
    found: dict[tuple[str, Outcome, str | None], Settled] = {}
    for settlement in settlements:
        session, outcome = settlement.session, _outcome(settlement)
        # What was given back has the reason of an earlier refusal.
        reason = None if outcome == "given back" else settlement.reason
        key = session.stream_id, outcome, reason
        if key not in found:
            revision = settlement.delivered if outcome in _TOLD else None
            found[key] = Settled(session.stream_id, outcome, reason, revision)
        settled = found[key]
        settled.count += 1
        if outcome not in _TOLD and settled.count <= FINGERPRINTS:
            settled.fingerprints.append(session.fingerprint)
    return list(found.values())


def _outcome(settlement: Settlement) -> Outcome:
    if settlement.status is SessionStatus.ENDED:
        return "delivered"
    if settlement.status is SessionStatus.DEAD:
        return "given up"
    if settlement.is_told and settlement.session.user_id is not None:
        return "updated"
    return "retrying" if settlement.attempts > settlement.session.attempts else "given back"
