"""What Apple's answers mean: a table, and what a reader should do about a refusal.

Source: Apple, "Handling notification responses from APNs".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from flask_allmine_liveactivity.model import Verdict

# Reasons that decide by themselves, whatever status they come with.
_BY_REASON = {
    "BadDeviceToken": Verdict.REJECTED,
    "DeviceTokenNotForTopic": Verdict.REJECTED,
    "MissingDeviceToken": Verdict.REJECTED,
    "BadTopic": Verdict.MISCONFIGURED,
    "MissingTopic": Verdict.MISCONFIGURED,
    "TopicDisallowed": Verdict.MISCONFIGURED,
    "InvalidPushType": Verdict.MISCONFIGURED,
    "BadPriority": Verdict.MISCONFIGURED,
    "BadExpirationDate": Verdict.MISCONFIGURED,
    "BadCollapseId": Verdict.MISCONFIGURED,
    "BadMessageId": Verdict.MISCONFIGURED,
    "DuplicateHeaders": Verdict.MISCONFIGURED,
    "PayloadEmpty": Verdict.MISCONFIGURED,
    "PayloadTooLarge": Verdict.MISCONFIGURED,
    # Not an answer to this push: the connection had been idle for too long.
    "IdleTimeout": Verdict.UNREACHABLE,
}

# Where the reason is new to us, its status says how far the refusal reaches. A 400 may be about
# this token alone: taken for the same for all, one token could stop every run.
_BY_STATUS = {
    200: Verdict.DELIVERED,
    400: Verdict.REJECTED,
    410: Verdict.GONE,
    429: Verdict.RETRY,
}

REMEDIES = {
    "BadTopic": "check LIVE_ACTIVITY_APNS_BUNDLE_ID",
    "TopicDisallowed": "check LIVE_ACTIVITY_APNS_BUNDLE_ID, and that the key may push for it",
    "ExpiredProviderToken": "set this machine's clock: Apple takes a new provider token as old",
    "InvalidProviderToken": (
        "check LIVE_ACTIVITY_APNS_KEY, LIVE_ACTIVITY_APNS_KEY_ID and LIVE_ACTIVITY_APNS_TEAM_ID"
    ),
    "UnrelatedKeyIdInToken": "the key belongs to another team: check LIVE_ACTIVITY_APNS_KEY_ID",
    "BadEnvironmentKeyIdInToken": "the key is for the other LIVE_ACTIVITY_APNS_ENVIRONMENT",
    "BadEnvironmentKeyInToken": "the key is for the other LIVE_ACTIVITY_APNS_ENVIRONMENT",
    "BadDeviceToken": (
        "if many get it, LIVE_ACTIVITY_APNS_ENVIRONMENT is not the one the app was built for: "
        "production for TestFlight and the App Store, sandbox for builds run from Xcode"
    ),
}


class Refusal(NamedTuple):
    """The body of an answer other than 200."""

    reason: str | None
    since: float | None
    """Of a 410: since when the token is dead, in seconds since the epoch."""


def verdict_of(status: int, reason: str | None) -> Verdict:
    """What an answer means for the token that was pushed to."""
    if status != 200 and reason in _BY_REASON:
        return _BY_REASON[reason]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Verdict.RETRY
    return Verdict.MISCONFIGURED


def read_refusal(body: bytes) -> Refusal:
    """The reason and time in an answer's body, as far as it has any."""
    try:
        answer = json.loads(body)
        reason = answer.get("reason")
        since = answer.get("timestamp")
        dated = isinstance(since, int | float) and not isinstance(since, bool)
        seconds = since / 1000 if dated else None
    except (ValueError, AttributeError, RecursionError, OverflowError):
        return Refusal(None, None)
    # What cannot be printed, not every database takes: NUL, lone surrogates.
    readable = isinstance(reason, str) and reason.isprintable()
    return Refusal(reason[:100] if readable else None, seconds)
