"""One place in flight on a connection."""

from __future__ import annotations

import pycurl

from flask_allmine_liveactivity.model import Push
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.proxy import use_proxy

# Larger answers are not Apple's.
MAX_ANSWER = 64 * 1024
# Seconds after which an idle connection is not trusted again; Apple asks to keep them for hours.
IDLE_LIMIT = 3600


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


def new_handle(endpoint: Endpoint, connect_within: int, answer_within: int) -> pycurl.Curl:
    """A libcurl handle for pushes.

    Args:
        endpoint: Where they go.
        connect_within: Seconds to connect.
        answer_within: Seconds to have an answer, that one included.
    """
    handle = pycurl.Curl()
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    handle.setopt(pycurl.PIPEWAIT, 1)
    handle.setopt(pycurl.NOSIGNAL, 1)
    # The least that libcurl takes: its own size is meant for uploads of files.
    handle.setopt(pycurl.UPLOAD_BUFFERSIZE, 16 * 1024)
    handle.setopt(pycurl.CONNECTTIMEOUT, connect_within)
    handle.setopt(pycurl.TIMEOUT, answer_within)
    handle.setopt(pycurl.TCP_KEEPALIVE, 1)
    handle.setopt(pycurl.MAXAGE_CONN, IDLE_LIMIT)
    # Apple: look the name up afresh for each connection.
    handle.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
    if endpoint.ca is not None:
        handle.setopt(pycurl.CAINFO, endpoint.ca)
    if endpoint.proxy is not None:
        use_proxy(handle, endpoint.proxy, endpoint.ca)
    return handle
