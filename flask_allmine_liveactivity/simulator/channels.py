"""Broadcast channels, kept in memory.

Source: Apple, "Sending channel management requests to APNs".
"""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from enum import IntEnum

MOST_CHANNELS = 10_000
"""For each app and environment."""

_ID_BYTES = 16
# Apple says that there is a greatest length, not which; its own ids have 24 characters.
_LONGEST_ID = 128


class StoragePolicy(IntEnum):
    """What a channel does for phones that are offline."""

    NOTHING = 0
    """Nothing is stored."""
    LATEST = 1
    """The latest message is stored."""


class Channels:
    """The channels of one app. Safe to use from any thread.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int = MOST_CHANNELS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._policies: dict[str, StoragePolicy] = {}

    def create(self, policy: StoragePolicy = StoragePolicy.NOTHING) -> str | None:
        """Make a channel.

        Returns:
            Its id; ``None`` where there are as many as there may be.
        """
        channel_id = base64.b64encode(secrets.token_bytes(_ID_BYTES)).decode()
        with self._lock:
            if len(self._policies) >= self._most:
                return None
            self._policies[channel_id] = policy
        return channel_id

    def policy(self, channel_id: str) -> StoragePolicy | None:
        """What a channel stores; ``None`` where there is no such channel."""
        with self._lock:
            return self._policies.get(channel_id)

    def delete(self, channel_id: str) -> bool:
        """Delete a channel; ``False`` where there is none."""
        with self._lock:
            return self._policies.pop(channel_id, None) is not None

    @property
    def ids(self) -> list[str]:
        """Those of all channels, oldest first."""
        with self._lock:
            return list(self._policies)

    def clear(self) -> None:
        """Delete all."""
        with self._lock:
            self._policies.clear()


def is_channel_id(text: str) -> bool:
    """Whether it has the form of a channel id: base64, and not too long."""
    try:
        return 0 < len(text) <= _LONGEST_ID and bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
