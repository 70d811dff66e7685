"""What Apple checks of a request, in its order; the provider token has its own file.

Source, where no other is named: Apple, "Sending notification requests to APNs" and "Handling
notification responses from APNs". A check answers with the refusal, or with ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from flask_allmine_liveactivity.simulator.request import DEVICE_PATH, Request

TOPIC_SUFFIX = ".push-type.liveactivity"
# The documented maximum is 4096 bytes (5120 is that of a broadcast); the gateway is said to let
# 5120 pass for Live Activities all the same, and the phone to drop what is over 4096.
MAX_ACCEPTED_PAYLOAD = 5120
MAX_COLLAPSE_ID = 64

_PRIORITIES = ("10", "5", "1")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+")
# Apple: "Don't make assumptions about the size" of a token. Tokens in the wild are hex, but the
# samples of many documents are not: whatever is safe in a path is taken.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Apple would not take a request."""

    status: int
    reason: str
    why: str
    """A sentence for a developer: the rule that was broken, and what would have been right."""


def check_route(request: Request) -> Refusal | None:
    """Method, path, and that no header comes twice."""
    if request.method != "POST":
        return Refusal(
            405, "MethodNotAllowed", f"the method is {request.method}, and must be POST."
        )
    if request.token is None:
        return Refusal(404, "BadPath", f"the path must be {DEVICE_PATH}<token>, and nothing more.")
    if not request.token:
        return Refusal(400, "MissingDeviceToken", f"nothing follows {DEVICE_PATH} in the path.")
    if request.repeated_headers:
        names = ", ".join(request.repeated_headers)
        return Refusal(400, "DuplicateHeaders", f"sent more than once: {names}.")
    return None


def check_headers(request: Request, bundle_id: str) -> Refusal | None:
    """The ``apns-`` headers of a Live Activity push."""
    return (
        _check_id(request)
        or _check_push_type(request)
        or _check_topic(request, bundle_id)
        or _check_priority(request)
        or _check_expiration(request)
        or _check_collapse_id(request)
    )


def check_size(request: Request) -> Refusal | None:
    """That there is a payload, and that it is not too large."""
    size = len(request.body)
    if size == 0:
        return Refusal(400, "PayloadEmpty", "the body is empty, and must be the JSON payload.")
    if size > MAX_ACCEPTED_PAYLOAD:
        return Refusal(
            413, "PayloadTooLarge", f"the payload has {size} bytes, and may have 4096 at most."
        )
    return None


def check_token(token: str, tokens_of_other_environment: Collection[str]) -> Refusal | None:
    """That the token is one of this environment."""
    if not _TOKEN.fullmatch(token) or token in (".", ".."):
        return Refusal(
            400, "BadDeviceToken", "the token has characters that no token has, and must be hex."
        )
    if len(token) >= 64 and not token.strip("0"):
        return Refusal(
            400, "BadDeviceToken", "the token is all zeros, and iOS gives out none such."
        )
    if token in tokens_of_other_environment:
        return Refusal(
            400,
            "BadDeviceToken",
            "the token is of the other environment: apps run from Xcode have sandbox tokens, "
            "TestFlight and App Store builds production ones.",
        )
    return None


def is_canonical_uuid(text: str) -> bool:
    """Whether it has the form 123e4567-e89b-12d3-a456-426655440000."""
    return _UUID.fullmatch(text) is not None


def _check_id(request: Request) -> Refusal | None:
    apns_id = request.headers.get("apns-id")
    if apns_id is not None and not is_canonical_uuid(apns_id):
        return Refusal(
            400,
            "BadMessageId",
            f"apns-id is {apns_id!r}, and must be a canonical UUID such as "
            "123e4567-e89b-12d3-a456-426655440000, or be left out.",
        )
    return None


def _check_push_type(request: Request) -> Refusal | None:
    push_type = request.headers.get("apns-push-type")
    if push_type == "liveactivity":
        return None
    if push_type is None:
        why = "apns-push-type is missing, and must be liveactivity."
    else:
        why = (
            f"apns-push-type is {push_type!r}, and must be liveactivity: this local APNs serves "
            "Live Activities only, where Apple serves other types too."
        )
    return Refusal(400, "InvalidPushType", why)


def _check_topic(request: Request, bundle_id: str) -> Refusal | None:
    topic, right = request.headers.get("apns-topic"), bundle_id + TOPIC_SUFFIX
    if topic == right:
        return None
    if not topic:
        # Apple derives a topic from a client certificate; a provider token names none.
        return Refusal(400, "MissingTopic", f"apns-topic is missing, and must be {right}.")
    if not topic.endswith(TOPIC_SUFFIX):
        return Refusal(
            400,
            "BadTopic",
            f"apns-topic is {topic!r}, and must be {right}: the bundle id alone is not the topic "
            "of its Live Activities.",
        )
    return Refusal(
        400,
        "TopicDisallowed",
        f"apns-topic is {topic!r}, and this key may push to {right}: to the one app, with the "
        "suffix once.",
    )


def _check_priority(request: Request) -> Refusal | None:
    priority = request.headers.get("apns-priority", "10")
    if priority not in _PRIORITIES:
        return Refusal(
            400,
            "BadPriority",
            f"apns-priority is {priority!r}, and must be 10 (at once) or 5 (when it suits the "
            "phone).",
        )
    return None


def _check_expiration(request: Request) -> Refusal | None:
    expiration = request.headers.get("apns-expiration", "0")
    if not _SECONDS.fullmatch(expiration):
        return Refusal(
            400,
            "BadExpirationDate",
            f"apns-expiration is {expiration!r}, and must be whole seconds since the epoch, or 0 "
            "for a single try.",
        )
    return None


def _check_collapse_id(request: Request) -> Refusal | None:
    size = len(request.headers.get("apns-collapse-id", "").encode())
    if size > MAX_COLLAPSE_ID:
        return Refusal(
            400,
            "BadCollapseId",
            f"apns-collapse-id has {size} bytes, and may have {MAX_COLLAPSE_ID} at most.",
        )
    return None
