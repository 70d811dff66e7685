"""That no step reads an audience, whatever database is asked."""

from __future__ import annotations

import pytest

from .story import SITUATIONS, Measured, Story

STEPS = (
    "a phone registers",
    "a phone registers again",
    "a token rotates",
    "touch",
    "count of a user",
    "make room",
    "log out",
    "forget a user",
    "due events",
    "event",
    "held events",
    "next due",
    "claim",
    "settle: told",
    "settle: to be tried again",
    "settle: gone",
    "claim where few are due",
    "claim where nobody is due",
    "next due after that",
    "announce",
    "hold",
    "rest",
    "counts of a small stream",
    "purge",
)


class NoStepReadsAnAudience:
    """Give the fixture ``story``, which has been played."""

    rows_for_each = 5
    """Found, locked, changed, read once more."""
    rows_at_least = 30

    @pytest.mark.parametrize("step", STEPS)
    def test_a_step_reads_what_it_is_about(self, story: Story, step: str) -> None:
        measured = [each for each in story.measured if each.step == step]
        assert [each.situation for each in measured] == list(SITUATIONS)
        beyond = [self._told(each) for each in measured if each.rows > self._allowed(each)]
        assert not beyond, "\n\n".join(beyond)

    def _allowed(self, measured: Measured) -> int:
        return self.rows_for_each * measured.work + self.rows_at_least

    def _told(self, measured: Measured) -> str:
        worst = max(measured.statements, key=lambda statement: statement.rows)
        return (
            f"Where {measured.situation}, {measured.step!r} is about {measured.work} rows, and "
            f"{measured.rows} were read, {worst.rows} of them by\n{worst.text}\n{worst.plan}"
        )
