"""How a registration is decided, and what that does to the rows it meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flask_allmine_liveactivity.model import Session, SessionStatus


class Outcome(StrEnum):
    """How a registration was decided.

    .. versionadded:: 0.1.0
    """

    STORED = "stored"
    CONTESTED = "contested"
    """Kept as this user's own, though another user holds the activity."""
    CONFLICT = "conflict"
    """Nothing stored: another user holds the token."""
    ELSEWHERE = "elsewhere"
    """Nothing stored: the token or the activity belongs to another stream."""
    FULL = "full"
    """Nothing stored: the user has too many sessions, and none of them makes way."""

    @property
    def is_stored(self) -> bool:
        """Whether anything is written.

        .. versionadded:: 0.1.0
        """
        return self in (Outcome.STORED, Outcome.CONTESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a registration does to the rows it meets.

    All of it is written, or none. Where a storage has no transactions, as on MongoDB, a process
    that is killed in the midst leaves a part: one with which whoever was to be told still can be
    claimed, and which the same registration, repeated, completes.

    .. versionadded:: 0.1.0
    """

    outcome: Outcome
    write: Session | None = None
    """The row as it shall stand: changed where its id was among the rows met, else new."""
    delete: tuple[str, ...] = ()
    """Ids of rows that the written one supersedes."""
    unlock: tuple[str, ...] = ()
    """Ids of rows whose ``activity_lock`` becomes their own id, to make way."""


Resolve = Callable[[Sequence[Session]], Resolution]

FULL = Resolution(outcome=Outcome.FULL)
# What makes way for others; a status of a newer version does not.
OVER = (SessionStatus.ENDED, SessionStatus.DEAD)


def rows_too_many(
    resolution: Resolution, met: Sequence[Session], user_id: str, there: int, at_most: int
) -> int:
    """How many rows of a user must make way for what a resolution writes.

    Args:
        resolution: What is to be written.
        met: The rows that it was decided from.
        user_id: Whose rows are bounded.
        there: How many he has.
        at_most: How many he may have.
    """
    more = rows_more(resolution, met, user_id)
    return max(0, there + more - at_most) if more > 0 else 0


def rows_more(resolution: Resolution, met: Sequence[Session], user_id: str) -> int:
    """By how many rows a resolution lets its user grow: a row may be new, or have been another's,
    or take the place of several."""
    if resolution.write is None:
        return 0
    replaced = {resolution.write.session_id, *resolution.delete}
    return 1 - sum(row.user_id == user_id and row.session_id in replaced for row in met)
