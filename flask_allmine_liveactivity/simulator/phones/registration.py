"""What the backend has answered to the registration of a Live Activity."""

from __future__ import annotations

from dataclasses import dataclass

from flask_allmine_liveactivity.simulator.answers import NO_ANSWER


@dataclass(frozen=True, slots=True)
class Registration:
    """The latest answer for one activity.

    Args:
        at: When it came, in seconds since the epoch.
        status: The HTTP status; ``NO_ANSWER`` (0) where there was none.
        said: What it says is wrong, or why there was none; empty where it says nothing.
    """

    at: float
    status: int
    said: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether the backend has answered at all."""
        return self.status != NO_ANSWER
