"""The ``apns`` push backend: a small pool of warm connections."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator

import pycurl

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Push, PushResult
from flask_allmine_liveactivity.push.apns.connection import Connection
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken
from flask_allmine_liveactivity.push.base import PushBackend

TOPIC_SUFFIX = ".push-type.liveactivity"
# Apple, "Sending notification requests to APNs".
SERVERS = {
    "production": "https://api.push.apple.com",
    "sandbox": "https://api.sandbox.push.apple.com",
}

# 8.11.0. With 7.88 some pushes wait for ten seconds where Apple leaves early and often: it does not
# say of every socket that it waits for it.
OLDEST_LIBCURL = 0x080B00


def topic_of(bundle_id: str) -> str:
    """The topic of an app's Live Activities; a bundle id that has the suffix keeps it once."""
    return bundle_id.removesuffix(TOPIC_SUFFIX) + TOPIC_SUFFIX


def require_libcurl() -> None:
    """Raise ``ConfigurationError`` where libcurl is too old, or was built without HTTP/2."""
    _, version, number, _, features, *_ = pycurl.version_info()
    if not features & pycurl.VERSION_HTTP2:
        lack = "cannot speak HTTP/2, and Apple speaks nothing else"
    elif number < OLDEST_LIBCURL:
        lack = f"is libcurl {version}, and pushes may stand still before 8.11"
    else:
        return
    raise ConfigurationError(
        f"This libcurl ({pycurl.version}) {lack}. Install a pycurl wheel, which brings its own: "
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
        require_libcurl()
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
