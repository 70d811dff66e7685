"""What the settings say about delivering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the settings say about delivering."""

    lease: float
    """Seconds for which a claim is ours."""
    batch_size: int
    sweep_interval: float
    """Seconds; the first interval at which an event at rest is looked at again."""
