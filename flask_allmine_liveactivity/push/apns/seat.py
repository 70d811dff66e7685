"""One place in flight on a connection."""

from __future__ import annotations

import pycurl

from flask_allmine_liveactivity.model import Push

# Larger answers are not Apple's.
MAX_ANSWER = 64 * 1024


class Seat:
    """A place in flight: a libcurl handle, kept from one push to the next, and what is on it."""

    __slots__ = ("body", "handle", "payload", "provider_token", "push", "started_at", "tries")

    def __init__(self, handle: pycurl.Curl, push: Push) -> None:
        self.handle = handle
        self.push = push
        self.payload = b""
        self.provider_token = ""
        self.tries = 1
        self.started_at = 0.0
        self.body = bytearray()
        handle.setopt(pycurl.WRITEFUNCTION, self._receive)

    def _receive(self, chunk: bytes) -> int:
        if len(self.body) + len(chunk) > MAX_ANSWER:
            return 0  # libcurl takes fewer bytes than it gave as the order to stop
        self.body += chunk
        return len(chunk)
