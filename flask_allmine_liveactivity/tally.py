"""What became of pushes, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flask_allmine_liveactivity.model import PushResult, Settlement, Verdict


@dataclass(slots=True)
class Tally:
    """What became of the pushes of one stream, or of all."""

    delivered: int = 0
    gone: int = 0
    retrying: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, result: PushResult, settlement: Settlement) -> None:
        """Add one result, by what it has made of its session."""
        if result.verdict is Verdict.DELIVERED:
            self.delivered += 1
        elif result.verdict is Verdict.REJECTED:
            self.rejected += 1
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
