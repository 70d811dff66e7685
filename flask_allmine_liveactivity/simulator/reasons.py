"""All of Apple's reasons: the status each comes with, what it means, and where Apple says so."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

# Titles of Apple's pages, as refusals name them.
SENDING = "Sending notification requests to APNs"
RESPONSES = "Handling notification responses from APNs"
PROVIDER_TOKENS = "Establishing a token-based connection to APNs"
BROADCASTING = "Sending broadcast push notification requests to APNs"
CHANNELS = "Sending channel management requests to APNs"
BROADCAST_ERRORS = "Handling error responses from Apple Push Notification service"


@dataclass(frozen=True, slots=True)
class Reason:
    """One of Apple's reasons."""

    name: str
    status: int
    meaning: str
    source: str = RESPONSES
    """The title of Apple's page."""


_ALL = (
    # The device token.
    Reason("BadDeviceToken", 400, "The token is malformed, or is one of the other environment."),
    Reason("DeviceTokenNotForTopic", 400, "The token belongs to another app than the topic."),
    Reason("MissingDeviceToken", 400, "The path has no token."),
    Reason("ExpiredToken", 410, "The activity has ended, or is eight hours old."),
    Reason("Unregistered", 410, "The token is no longer active for the topic."),
    Reason("TooManyRequests", 429, "Too many pushes to the same token, one after the other."),
    # The request.
    Reason("BadCollapseId", 400, "apns-collapse-id is longer than 64 bytes.", SENDING),
    Reason("BadExpirationDate", 400, "apns-expiration is not a time in whole seconds.", SENDING),
    Reason("BadMessageId", 400, "apns-id is not a canonical UUID.", SENDING),
    Reason("BadPriority", 400, "apns-priority is not one of Apple's.", SENDING),
    Reason("BadTopic", 400, "apns-topic is not a topic of this push type.", SENDING),
    Reason("DuplicateHeaders", 400, "A header came more than once."),
    Reason("IdleTimeout", 400, "The connection had been idle for too long."),
    Reason("InvalidPushType", 400, "apns-push-type is not one of Apple's.", SENDING),
    Reason("MissingTopic", 400, "apns-topic is missing.", SENDING),
    Reason("PayloadEmpty", 400, "The body is empty.", SENDING),
    Reason("TopicDisallowed", 400, "This key may not push to this topic."),
    Reason("BadPath", 404, "There is no such path.", SENDING),
    Reason("MethodNotAllowed", 405, "The path does not take this method.", SENDING),
    Reason("PayloadTooLarge", 413, "The payload is larger than allowed.", SENDING),
    # Who sends.
    Reason("BadCertificate", 403, "The client's certificate is bad."),
    Reason("BadCertificateEnvironment", 403, "The certificate is for the other environment."),
    Reason("BadEnvironmentKeyIdInToken", 403, "The key is for the other environment only."),
    # As the one above; seen on the wire, where Apple's page has that one.
    Reason("BadEnvironmentKeyInToken", 403, "The key is for the other environment only."),
    Reason("ExpiredProviderToken", 403, "The provider token is too old.", PROVIDER_TOKENS),
    Reason("Forbidden", 403, "The action is not allowed."),
    Reason("InvalidProviderToken", 403, "The provider token is not valid.", PROVIDER_TOKENS),
    Reason("MissingProviderToken", 403, "There is no provider token.", PROVIDER_TOKENS),
    Reason("UnrelatedKeyIdInToken", 403, "The connection belongs to another key."),
    Reason(
        "TooManyProviderTokenUpdates",
        429,
        "The provider token is renewed more often than every 20 minutes.",
        PROVIDER_TOKENS,
    ),
    # Apple itself.
    Reason("InternalServerError", 500, "Apple has an error."),
    Reason("ServiceUnavailable", 503, "Apple is not available."),
    Reason("Shutdown", 503, "This server of Apple's is going down."),
    # Broadcasts and channels.
    Reason("BadChannelId", 400, "The channel id is not one of Apple's form.", BROADCAST_ERRORS),
    Reason("BadRequestParams", 400, "A parameter of the request is wrong.", BROADCAST_ERRORS),
    Reason("BadRequestPayload", 400, "The body is not the JSON asked for.", BROADCAST_ERRORS),
    Reason(
        "CannotCreateChannelConfig", 400, "The app has all the channels it may.", BROADCAST_ERRORS
    ),
    Reason("ChannelNotRegistered", 400, "There is no such channel.", BROADCAST_ERRORS),
    Reason("FeatureNotEnabled", 400, "The app is not set up for broadcasts.", BROADCAST_ERRORS),
    # As the one above; seen on the wire, where Apple's page has that one.
    Reason(
        "BroadcastFeatureNotEnabled", 400, "The app is not set up for broadcasts.", BROADCAST_ERRORS
    ),
    Reason("MissingChannelId", 400, "apns-channel-id is missing.", BROADCAST_ERRORS),
    Reason("MissingPushType", 400, "The push type is missing.", BROADCAST_ERRORS),
    Reason("TopicMismatch", 403, "The app in the path is not the key's.", BROADCAST_ERRORS),
)

REASONS: Mapping[str, Reason] = {reason.name: reason for reason in _ALL}
"""By name."""


def reason_of(name: str) -> Reason:
    """The reason of this name.

    Raises:
        ValueError: Apple has no such reason; the message names a similar one.
    """
    reason = REASONS.get(name)
    if reason is None:
        similar = difflib.get_close_matches(name, REASONS, 1)
        hint = f" Did you mean {similar[0]!r}?" if similar else ""
        raise ValueError(f"{name!r} is not a reason of Apple's.{hint}")
    return reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Apple would not take a request."""

    reason: str
    why: str
    """A sentence for a developer: the rule that was broken, and what would have been right."""
    page: str = ""
    """The title of Apple's page, where it is another one than the reason's."""

    @property
    def status(self) -> int:
        """The HTTP status that comes with the reason."""
        return REASONS[self.reason].status

    @property
    def source(self) -> str:
        """The title of the page on which Apple says so."""
        return self.page or REASONS[self.reason].source
