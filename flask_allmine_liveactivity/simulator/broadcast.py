"""Broadcasts and the channels they go to: what Apple checks, and what it answers.

Sources: Apple, "Sending broadcast push notification requests to APNs", "Sending channel management
requests to APNs", "Handling error responses from Apple Push Notification service". Apple has hosts
of their own for the channels; here one port serves all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.channels import Channels, StoragePolicy, is_channel_id
from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.reasons import BROADCASTING, CHANNELS, Refusal
from flask_allmine_liveactivity.simulator.request import Kind, Request
from flask_allmine_liveactivity.simulator.rules import (
    check_expiration,
    check_id,
    check_priority,
    check_repeated,
)

MAX_BROADCAST = 5120
CHANNEL_HEADER = "apns-channel-id"

_METHODS = {
    Kind.BROADCAST: ("POST",),
    Kind.CHANNELS: ("POST", "GET", "DELETE"),
    Kind.ALL_CHANNELS: ("GET",),
}
_PUSH_TYPE = "LiveActivity"
_ATTRIBUTES = ("message-storage-policy", "push-type")
_PUSH_TYPE_SUFFIX = ".push-type."


def check_broadcast_route(request: Request) -> Refusal | None:
    """The method, and that no header comes twice."""
    methods = _METHODS[request.kind]
    if request.method not in methods:
        return Refusal(
            "MethodNotAllowed",
            f"the method is {request.method}, and must be {' or '.join(methods)} for this path.",
            BROADCASTING if request.kind is Kind.BROADCAST else CHANNELS,
        )
    return check_repeated(request)


def check_app(request: Request, key: SigningKey, *, takes_broadcasts: bool) -> Refusal | None:
    """That the app in the path is the key's, and is set up for broadcasts."""
    app = request.bundle_id or ""
    apps = " or ".join(sorted(key.apps)) or "one of its own"
    if request.kind is Kind.BROADCAST and _PUSH_TYPE_SUFFIX in app:
        return Refusal(
            "TopicDisallowed",
            f"the path names {app!r}, and must name {apps}: the bundle id as it is, without the "
            "suffix that apns-topic has.",
            BROADCASTING,
        )
    if app not in key.apps:
        return Refusal(
            "TopicMismatch",
            f"the path names the app {app!r}, and must name {apps}: the key {key.key_id!r} is for "
            "no other.",
        )
    if not takes_broadcasts:
        return Refusal(
            "FeatureNotEnabled",
            f"the app {app!r} is not set up for broadcasts: the Broadcast capability must be "
            "enabled for its bundle id.",
        )
    return None


def check_broadcast(request: Request, channels: Channels) -> Refusal | None:
    """Headers and payload of a broadcast."""
    return (
        check_id(request)
        or _check_push_type(request.headers.get("apns-push-type"), "apns-push-type", "liveactivity")
        or _check_channel(request, channels)
        or _check_broadcast_expiration(request, channels)
        or _check_broadcast_priority(request)
        or _check_payload(request)
    )


def manage_channels(request: Request, channels: Channels) -> Refusal | Answer:
    """Make, read, delete or list channels."""
    refusal = check_id(request)
    if refusal is not None:
        return refusal
    if request.kind is Kind.ALL_CHANNELS:
        return Answer(200, content={"channels": channels.ids})
    if request.method == "POST":
        return _create(request, channels)
    refusal = _check_channel_id(request)
    if refusal is not None:
        return refusal
    channel_id = request.headers[CHANNEL_HEADER]
    if request.method == "DELETE":
        # Seen by clients; Apple's page does not say it.
        return Answer(204) if channels.delete(channel_id) else _not_there(channel_id)
    policy = channels.policy(channel_id)
    if policy is None:
        return _not_registered(channel_id)
    return Answer(200, content={"message-storage-policy": policy.value, "push-type": _PUSH_TYPE})


def _create(request: Request, channels: Channels) -> Refusal | Answer:
    asked = _read_object(request.body)
    if asked is None:
        return Refusal(
            "BadRequestPayload",
            "the body is not a JSON object, and must be such as "
            '{"message-storage-policy": 1, "push-type": "LiveActivity"}.',
            CHANNELS,
        )
    refusal = _check_attributes(asked) or _check_push_type(
        asked.get("push-type"), "push-type", _PUSH_TYPE
    )
    if refusal is not None:
        return refusal
    policy = asked.get("message-storage-policy")
    if isinstance(policy, bool) or policy not in list(StoragePolicy):
        return Refusal(
            "BadRequestParams",
            f"message-storage-policy is {policy!r}, and must be 0 (nothing is stored) or 1 (the "
            "latest message is).",
            CHANNELS,
        )
    channel_id = channels.create(StoragePolicy(policy))
    if channel_id is None:
        return Refusal(
            "CannotCreateChannelConfig",
            f"the app has {len(channels.ids)} channels already, which is all it may: delete those "
            "of streams that are over.",
        )
    return Answer(201, headers=((CHANNEL_HEADER, channel_id),))


def _check_attributes(asked: Mapping[str, Any]) -> Refusal | None:
    for name in asked:
        if name not in _ATTRIBUTES:
            return Refusal(
                "BadRequestParams",
                f"the body has the attribute {name!r}, and must have {' and '.join(_ATTRIBUTES)} "
                "only.",
                CHANNELS,
            )
    return None


def _check_push_type(push_type: object, where: str, right: str) -> Refusal | None:
    if push_type is None:
        return Refusal("MissingPushType", f"{where} is missing, and must be {right}.")
    if push_type != right:
        return Refusal(
            "InvalidPushType",
            f"{where} is {push_type!r}, and must be {right}: broadcasts are for Live Activities.",
        )
    return None


def _check_channel(request: Request, channels: Channels) -> Refusal | None:
    refusal = _check_channel_id(request)
    if refusal is not None:
        return refusal
    channel_id = request.headers[CHANNEL_HEADER]
    return None if channels.policy(channel_id) is not None else _not_registered(channel_id)


def _check_channel_id(request: Request) -> Refusal | None:
    channel_id = request.headers.get(CHANNEL_HEADER)
    if not channel_id:
        return Refusal(
            "MissingChannelId",
            f"{CHANNEL_HEADER} is missing, and must be the id that was answered when the channel "
            "was made.",
        )
    if not is_channel_id(channel_id):
        return Refusal(
            "BadChannelId",
            f"{CHANNEL_HEADER} is {channel_id!r}, and must be base64, as it was answered when the "
            "channel was made.",
        )
    return None


def _not_registered(channel_id: str) -> Refusal:
    return Refusal(
        "ChannelNotRegistered",
        f"there is no channel {channel_id!r} of this app in this environment: it must have been "
        "made, and not deleted.",
    )


def _not_there(channel_id: str) -> Refusal:
    return Refusal(
        "BadPath",
        f"there is no channel {channel_id!r} of this app in this environment: it may have been "
        "deleted already.",
        CHANNELS,
    )


def _check_broadcast_expiration(request: Request, channels: Channels) -> Refusal | None:
    expiration = request.headers.get("apns-expiration")
    if expiration is None:
        return Refusal(
            "BadExpirationDate",
            "apns-expiration is missing, and a broadcast must have one; 0 for a single try.",
            BROADCASTING,
        )
    stores = channels.policy(request.headers[CHANNEL_HEADER])
    if stores is StoragePolicy.NOTHING and expiration.strip("0"):
        return check_expiration(request) or Refusal(
            "BadExpirationDate",
            f"apns-expiration is {expiration!r}, and must be 0: the channel stores nothing.",
            BROADCASTING,
        )
    return check_expiration(request)


def _check_broadcast_priority(request: Request) -> Refusal | None:
    if "apns-priority" not in request.headers:
        return Refusal(
            "BadPriority",
            "apns-priority is missing, and a broadcast must have one: 10 (at once), 5 or 1.",
            BROADCASTING,
        )
    return check_priority(request)


def _check_payload(request: Request) -> Refusal | None:
    size = len(request.body)
    if size == 0:
        return Refusal("PayloadEmpty", "the body is empty, and must be the JSON payload.")
    if size > MAX_BROADCAST:
        return Refusal(
            "PayloadTooLarge",
            f"the payload has {size} bytes, and may have {MAX_BROADCAST} at most.",
            BROADCASTING,
        )
    if _read_object(request.body) is None:
        return Refusal("BadRequestPayload", "the payload is not a JSON object.", BROADCASTING)
    return None


def _read_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
