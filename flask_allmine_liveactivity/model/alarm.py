"""When refused tokens are an alarm: one rule for the log, for ``status`` and for monitoring."""

from __future__ import annotations

from flask_allmine_liveactivity.model.report import Counts

# A stranger may register junk; so many refused tokens, and so large a share of all that were
# answered, are no accident. deploy/prometheus/alerts.yaml repeats it.
ALARMING_COUNT = 5
ALARMING_SHARE = 0.5

# What each token is answered in the environment that it is not of.
WRONG_ENVIRONMENT = "BadDeviceToken"


def is_alarming(rejected: int, answered: int) -> bool:
    """Whether so many tokens were refused that something is set wrongly.

    Args:
        rejected: How many sessions were refused for their tokens.
        answered: How many had any answer, those among them.
    """
    return rejected >= ALARMING_COUNT and rejected > ALARMING_SHARE * answered


def environment_is_doubtful(counts: Counts) -> bool:
    """Whether most tokens are refused as those of the other environment are: the app was probably
    built for the one that is not configured. Where both are tried, both have refused them, and the
    bundle id is probably not the app's."""
    refused = counts.waiting.get(WRONG_ENVIRONMENT, 0) + counts.dead.get(WRONG_ENVIRONMENT, 0)
    accepted = counts.ended + counts.updated
    answered = accepted + sum(counts.waiting.values()) + sum(counts.dead.values())
    return is_alarming(refused, answered)
