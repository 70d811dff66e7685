"""A request as it came in, before it is judged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.stream import Stream

DEVICE_PATH = "/3/device/"

_BROADCAST = re.compile(r"/4/broadcasts/apps/([^/?]+)")
_CHANNELS = re.compile(r"/1/apps/([^/?]+)/(channels|all-channels)")


class Kind(StrEnum):
    """What a path is for."""

    DEVICE = "device"
    BROADCAST = "broadcast"
    CHANNELS = "channels"
    ALL_CHANNELS = "all-channels"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, body and all. Its repr shows nothing that is secret."""

    method: str
    path: str = field(repr=False)
    """As sent, still percent-encoded, with the query string if there was one: with the token."""
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""
    repeated_headers: tuple[str, ...]
    """The names that came more than once."""
    body: bytes = field(repr=False)
    connection: Connection
    at: float
    """When its last byte came, in seconds since the epoch."""

    @property
    def kind(self) -> Kind:
        """What its path is for; one that is for nothing counts as a bad one of a device."""
        if self.path.startswith(DEVICE_PATH):
            return Kind.DEVICE
        if _BROADCAST.fullmatch(self.path):
            return Kind.BROADCAST
        if channels := _CHANNELS.fullmatch(self.path):
            return Kind(channels[2])
        return Kind.DEVICE

    @property
    def bundle_id(self) -> str | None:
        """The app that the path of a broadcast or of channels names."""
        found = _BROADCAST.fullmatch(self.path) or _CHANNELS.fullmatch(self.path)
        return None if found is None else found[1]

    @property
    def token(self) -> str | None:
        """The device token; empty where it is missing, ``None`` where the path is another one."""
        if not self.path.startswith(DEVICE_PATH):
            return None
        token = self.path.removeprefix(DEVICE_PATH)
        return None if "/" in token or "?" in token else token

    @property
    def id_header(self) -> str:
        """The header that names the request, and comes back with its answer."""
        return "apns-id" if self.kind is Kind.DEVICE else "apns-request-id"


def request_of(stream: Stream, connection: Connection, at: float) -> Request:
    """What a stream has carried, once it is all there.

    Args:
        stream: That it came on.
        connection: Of the stream.
        at: Seconds since the epoch.
    """
    pseudo: dict[str, str] = {}
    headers: dict[str, str] = {}
    repeated: list[str] = []
    for raw_name, raw_value in stream.headers:
        name, value = _text(raw_name), _text(raw_value)
        if name.startswith(":"):
            pseudo[name] = value
            continue
        if name in headers:
            repeated.append(name)
        headers[name] = value
    return Request(
        method=pseudo[":method"],
        path=pseudo.get(":path", ""),  # CONNECT has none
        headers=headers,
        repeated_headers=tuple(repeated),
        body=stream.body,
        connection=connection,
        at=at,
    )


@lru_cache(maxsize=1024)
def _text(raw: bytes) -> str:
    """A header's name or value; the same object for the same bytes, so that records stay small."""
    return raw.decode("latin-1")


def fingerprint(token: str) -> str:
    """What logs and reprs show of a token: enough to tell two apart, too little to push to one."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]
