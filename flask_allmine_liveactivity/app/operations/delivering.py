"""Delivering here and now, in the process that asks for it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation

Progress = Callable[[int, int], object]
"""Called with how many pushes there were so far, first with 0 and then after each, and with how
many sessions were to be told before the first. More may be told: phones register meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRun:
    """What one run has told, in sessions; and what it has left."""

    delivered: int
    """Accepted by the push service."""
    gone: int
    """Given up: the activity is there no more."""
    retrying: int
    """To be tried again, for another reason than their tokens."""
    rejected: int
    """Refused for their tokens: tried again, or given up at the third time."""
    reasons: Mapping[str, int]
    """How many pushes, by the reason of each refusal."""
    pending: int
    """Still to be told afterwards."""
    obstacle: str | None
    """Why it stopped before all were told; ``None``: it did not."""

    @property
    def answered(self) -> int:
        """How many pushes had any result."""
        return self.delivered + self.gone + self.retrying + self.rejected


def deliver(
    installation: Installation, stream: object = None, *, progress: Progress | None = None
) -> DeliveryRun:
    """Deliver what is due, of all streams or of one, and come back. Before that the host is asked
    what is due for a question.

    Args:
        installation: Of the app.
        stream: Only this one; in any form of its id.
        progress: Is told how far it is. To know of how many costs a count.

    Raises:
        ConfigurationError: Nothing can be pushed from here.
    """
    stream_id = None if stream is None else installation.stream_id(stream)
    storage, delivery = installation.storage, installation.parts.delivery
    installation.streams.ask_due()
    if progress is None:
        run = delivery.run(stream_id)
    else:
        untold = storage.counts(time.time(), stream_id).untold
        pushes = itertools.count(1)
        progress(0, untold)
        run = delivery.run(stream_id, on_result=lambda: progress(next(pushes), untold))
    tally = run.tally
    return DeliveryRun(
        delivered=tally.delivered,
        gone=tally.gone,
        retrying=tally.retrying,
        rejected=tally.rejected,
        reasons=dict(tally.reasons),
        pending=storage.counts(time.time(), stream_id).untold,
        obstacle=run.obstacle,
    )
