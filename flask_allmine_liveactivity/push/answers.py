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
    # Of a 403 or 405, the same for all by what they mean.
    "BadCertificate": Verdict.MISCONFIGURED,
    "BadCertificateEnvironment": Verdict.MISCONFIGURED,
    "BadEnvironmentKeyIdInToken": Verdict.MISCONFIGURED,
    "BadEnvironmentKeyInToken": Verdict.MISCONFIGURED,
    "ExpiredProviderToken": Verdict.MISCONFIGURED,
    "Forbidden": Verdict.MISCONFIGURED,
    "InvalidProviderToken": Verdict.MISCONFIGURED,
    "MethodNotAllowed": Verdict.MISCONFIGURED,
    "MissingProviderToken": Verdict.MISCONFIGURED,
    "UnrelatedKeyIdInToken": Verdict.MISCONFIGURED,
}

# Where the reason is new to us, its status says what to do. All others are odd: they may be about
# this token alone, and taken for the same for all, one token could stop every run.
_BY_STATUS = {
    200: Verdict.DELIVERED,
    410: Verdict.GONE,
    429: Verdict.RETRY,
}

_REMEDIES = {
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

# How the reasons begin of what has ended at a proxy.
AT_PROXY = "proxy: "
_PROXY_REMEDIES = {
    "HTTP 403": "the proxy's rules must allow CONNECT to Apple's servers, port 443",
    "HTTP 407": (
        "check the user and password in LIVE_ACTIVITY_APNS_PROXY, or in https_proxy in the "
        "environment"
    ),
}
_PROXY_REMEDY = "check LIVE_ACTIVITY_APNS_PROXY, or https_proxy in the environment"


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
    return Verdict.ODD


def remedy_of(reason: str) -> str | None:
    """What a person should do about a reason, where it is known."""
    if reason.startswith(AT_PROXY):
        return _PROXY_REMEDIES.get(reason.removeprefix(AT_PROXY), _PROXY_REMEDY)
    return _REMEDIES.get(reason)


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
