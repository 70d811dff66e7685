"""The ``apns`` push backend: a small pool of warm connections."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator

import pycurl

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Push, PushResult
from flask_allmine_liveactivity.push.apns.connection import Connection, Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken
from flask_allmine_liveactivity.push.base import PushBackend

TOPIC_SUFFIX = ".push-type.liveactivity"
# Apple, "Sending notification requests to APNs".
SERVERS = {
    "production": "https://api.push.apple.com",
    "sandbox": "https://api.sandbox.push.apple.com",
}


def topic_of(bundle_id: str) -> str:
    """The topic of an app's Live Activities; a bundle id that has the suffix keeps it once."""
    return bundle_id.removesuffix(TOPIC_SUFFIX) + TOPIC_SUFFIX


def require_http2() -> None:
    """Raise ``ConfigurationError`` where libcurl was built without HTTP/2."""
    if not pycurl.version_info()[4] & pycurl.VERSION_HTTP2:
        raise ConfigurationError(
            f"This libcurl ({pycurl.version}) cannot speak HTTP/2, and Apple speaks nothing else. "
            "Install a pycurl wheel, which brings its own: "
            "pip install --force-reinstall --only-binary :all: pycurl"
        )


class ApnsPush(PushBackend):
    """Pushes to Apple over HTTP/2, with libcurl.

    A connection belongs to one team and key: a new key needs a new ``ApnsPush``. A call of
    ``send`` borrows one connection for as long as it lasts, and waits where all are borrowed.

    Args:
        endpoint: Where to, and as what.
        provider_token: Shared by all connections.
        connections: How many there may be.
    """

    def __init__(
        self, endpoint: Endpoint, provider_token: ProviderToken, connections: int = 1
    ) -> None:
        require_http2()
        self._free: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._connections = [Connection(endpoint, provider_token) for _ in range(connections)]
        for connection in self._connections:
            self._free.put(connection)

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        connection = self._free.get()
        try:
            yield from connection.send(pushes)
        finally:
            self._free.put(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
