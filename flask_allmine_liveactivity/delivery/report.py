"""What a run has done: pushes by what became of them, and when to look again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flask_allmine_liveactivity.model import PushResult, SessionStatus, Settlement, Verdict


@dataclass(slots=True)
class Tally:
    """What became of the pushes of one stream, or of all."""

    delivered: int = 0
    gone: int = 0
    retrying: int = 0
    rejected: int = 0
    rejected_and_waiting: int = 0
    """Those of the rejected that are tried again; the others were given up."""
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, result: PushResult, settlement: Settlement) -> None:
        """Add one result, by what it has made of its session."""
        if result.verdict is Verdict.DELIVERED:
            self.delivered += 1
        elif result.verdict is Verdict.REJECTED:
            self.rejected += 1
            self.rejected_and_waiting += settlement.status is SessionStatus.ACTIVE
        elif settlement.whoever_holds_the_lease:
            self.gone += 1
        else:
            self.retrying += 1
        if result.verdict is not Verdict.DELIVERED:
            self.reasons[result.reason or result.verdict.value] += 1

    @property
    def answered(self) -> int:
        """How many pushes had any result."""
        return self.delivered + self.gone + self.retrying + self.rejected


@dataclass(frozen=True, slots=True)
class Run:
    """What one run has done."""

    tally: Tally
    next_due: float
    """When the earliest of its streams is to be looked at again."""
    obstacle: str | None
    """Why it stopped before all were told, if it did."""
    cut_short: bool = False
    """It ended because its time was up, and may have left something."""
