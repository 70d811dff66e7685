"""A write that another one has got in the way of is tried again, after a moment."""

from __future__ import annotations

import random
import time
from typing import Final

# How often at the most, over all storages.
ATTEMPTS: Final = 12


def wait_for_others(attempt: int) -> None:
    """Wait before the next attempt: longer each time, and each writer differently.

    Args:
        attempt: How many there have been.
    """
    time.sleep(random.uniform(0, 0.002 * 2**attempt))
