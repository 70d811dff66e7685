"""How many sessions a run claims at a time."""

from __future__ import annotations

from flask_allmine_liveactivity.delivery.batch import Batch
from flask_allmine_liveactivity.delivery.policy import Policy

# At first, and at the least.
FIRST_BATCH = 100
SMALLEST_BATCH = 10
# A batch takes at most about so many seconds to go out, for the next stream waits for it.
LONGEST_TURN = 0.5


class BatchSize:
    """Grows while batches are claimed and go out quickly.

    Args:
        policy: With the lease that a batch must not eat up, and the largest size.
        first: How many are to be claimed at first.
    """

    def __init__(self, policy: Policy, first: int = FIRST_BATCH) -> None:
        self._lease = policy.lease
        self._largest = policy.batch_size
        self.now = min(first, policy.batch_size)
        """So many are to be claimed."""

    def learn(self, batch: Batch, seconds: float) -> None:
        """Claim more at a time while batches go out quickly, and less where one eats up its lease
        or keeps the next stream waiting.

        Args:
            batch: A batch that has gone out.
            seconds: How long that took.
        """
        if batch.seconds > self._lease / 10 or seconds > LONGEST_TURN:
            self.now = max(SMALLEST_BATCH, self.now // 2)
        elif batch.full and batch.seconds < self._lease / 50 and seconds < LONGEST_TURN / 4:
            # One that is not full goes out quickly at any Apple.
            self.now = min(self._largest, self.now * 2)
