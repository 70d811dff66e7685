"""What Apple checks of a request, in its order; the provider token has its own file.

Source, where no other is named: Apple, "Sending notification requests to APNs" and "Handling
notification responses from APNs". A check answers with the refusal, or with ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.reasons import Refusal
from flask_allmine_liveactivity.simulator.request import DEVICE_PATH, Request

TOPIC_SUFFIX = ".push-type.liveactivity"
# The documented maximum is 4096 bytes (5120 is that of a broadcast); the gateway is said to let
# 5120 pass for Live Activities all the same, and the phone to drop what is over 4096.
MAX_ACCEPTED_PAYLOAD = 5120
MAX_COLLAPSE_ID = 64

OF_OTHER_ENVIRONMENT = (
    "the token is of the other environment, and must be of this one: apps run from Xcode have "
    "sandbox tokens, TestFlight and App Store builds production ones."
)
OF_OTHER_TOPIC = "the token belongs to another app than apns-topic names: it must be that app's."

_PRIORITIES = ("10", "5", "1")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+")
# Apple: "Don't make assumptions about the size" of a token. Tokens in the wild are hex, but the
# samples of many documents are not: whatever is safe in a path is taken.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


def check_route(request: Request) -> Refusal | None:
    """Method, path, and that no header comes twice."""
    return _check_path(request) or check_repeated(request)


def _check_path(request: Request) -> Refusal | None:
    if request.method != "POST":
        return Refusal("MethodNotAllowed", f"the method is {request.method}, and must be POST.")
    if request.token is None:
        return Refusal("BadPath", f"the path must be {DEVICE_PATH}<token>, and nothing more.")
    if not request.token:
        return Refusal(
            "MissingDeviceToken", f"the path must be {DEVICE_PATH}<token>, and has no token."
        )
    return None


def check_repeated(request: Request) -> Refusal | None:
    """That no header comes twice."""
    if not request.repeated_headers:
        return None
    names = ", ".join(request.repeated_headers)
    return Refusal("DuplicateHeaders", f"sent more than once: {names}. Each must come once.")


def check_headers(request: Request, key: SigningKey) -> Refusal | None:
    """The ``apns-`` headers of a Live Activity push, made with this key."""
    return (
        check_id(request)
        or _check_push_type(request)
        or _check_topic(request, key)
        or check_priority(request)
        or check_expiration(request)
        or _check_collapse_id(request)
    )


def app_of(request: Request) -> str:
    """The bundle id of the app that the topic names."""
    return request.headers.get("apns-topic", "").removesuffix(TOPIC_SUFFIX)


def check_size(request: Request) -> Refusal | None:
    """That there is a payload, and that it is not too large."""
    size = len(request.body)
    if size == 0:
        return Refusal("PayloadEmpty", "the body is empty, and must be the JSON payload.")
    if size > MAX_ACCEPTED_PAYLOAD:
        return Refusal(
            "PayloadTooLarge", f"the payload has {size} bytes, and may have 4096 at most."
        )
    return None


def check_token(
    token: str,
    tokens_of_other_environment: Collection[str],
    tokens_of_other_topic: Collection[str],
) -> Refusal | None:
    """That the token is one of this environment and topic."""
    if not _TOKEN.fullmatch(token) or token in (".", ".."):
        return Refusal(
            "BadDeviceToken", "the token has characters that no token has, and must be hex."
        )
    if len(token) >= 64 and not token.strip("0"):
        return Refusal(
            "BadDeviceToken", "the token is all zeros, and must be one that iOS gave out."
        )
    if token in tokens_of_other_environment:
        return Refusal("BadDeviceToken", OF_OTHER_ENVIRONMENT)
    if token in tokens_of_other_topic:
        return Refusal("DeviceTokenNotForTopic", OF_OTHER_TOPIC)
    return None


def is_canonical_uuid(text: str) -> bool:
    """Whether it has the form 123e4567-e89b-12d3-a456-426655440000."""
    return _UUID.fullmatch(text) is not None


def check_id(request: Request) -> Refusal | None:
    """That the id of the request, if it has one, is a canonical UUID."""
    apns_id = request.headers.get(request.id_header)
    if apns_id is not None and not is_canonical_uuid(apns_id):
        return Refusal(
            "BadMessageId",
            f"{request.id_header} is {apns_id!r}, and must be a canonical UUID such as "
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
    return Refusal("InvalidPushType", why)


def _check_topic(request: Request, key: SigningKey) -> Refusal | None:
    topic = request.headers.get("apns-topic")
    right = " or ".join(sorted(app + TOPIC_SUFFIX for app in key.apps)) or "that of an app of its"
    if not topic:
        # Apple derives a topic from a client certificate; a provider token names none.
        return Refusal("MissingTopic", f"apns-topic is missing, and must be {right}.")
    if not topic.endswith(TOPIC_SUFFIX):
        return Refusal(
            "BadTopic",
            f"apns-topic is {topic!r}, and must be {right}: the bundle id alone is not the topic "
            "of its Live Activities.",
        )
    if app_of(request) in key.apps:
        return None
    return Refusal(
        "TopicDisallowed",
        f"apns-topic is {topic!r}, and the key {key.key_id!r} may push to {right}, with the suffix "
        "once.",
    )


def check_priority(request: Request) -> Refusal | None:
    """That the priority, if there is one, is one of Apple's."""
    priority = request.headers.get("apns-priority", "10")
    if priority not in _PRIORITIES:
        return Refusal(
            "BadPriority",
            f"apns-priority is {priority!r}, and must be 10 (at once) or 5 (when it suits the "
            "phone).",
        )
    return None


def check_expiration(request: Request) -> Refusal | None:
    """That the expiration, if there is one, is a time."""
    expiration = request.headers.get("apns-expiration", "0")
    if not _SECONDS.fullmatch(expiration):
        return Refusal(
            "BadExpirationDate",
            f"apns-expiration is {expiration!r}, and must be whole seconds since the epoch, or 0 "
            "for a single try.",
        )
    return None


def _check_collapse_id(request: Request) -> Refusal | None:
    size = len(request.headers.get("apns-collapse-id", "").encode())
    if size > MAX_COLLAPSE_ID:
        return Refusal(
            "BadCollapseId",
            f"apns-collapse-id has {size} bytes, and may have {MAX_COLLAPSE_ID} at most.",
        )
    return None
