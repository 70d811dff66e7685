"""A push as it came in, before it is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

DEVICE_PATH = "/3/device/"


@dataclass(slots=True)
class Connection:
    """One HTTP/2 connection, over all its requests."""

    client: tuple[str, int] | None = None
    """Address and port of the other side: the port tells connections apart."""
    key_id: str | None = None
    """The key it was authenticated with: a connection is bound to that of its first push."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, body and all."""

    method: str
    path: str
    """As sent, still percent-encoded, with the query string if there was one."""
    headers: Mapping[str, str]
    """By lower-case name."""
    repeated_headers: tuple[str, ...]
    """The names that came more than once."""
    body: bytes
    connection: Connection
    at: float
    """When its last byte came, in seconds since the epoch."""

    @property
    def token(self) -> str | None:
        """The device token; empty where it is missing, ``None`` where the path is another one."""
        if not self.path.startswith(DEVICE_PATH):
            return None
        token = self.path.removeprefix(DEVICE_PATH)
        return None if "/" in token or "?" in token else token


def fingerprint(token: str) -> str:
    """What logs and reprs show of a token: enough to tell two apart, too little to push to one."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]
