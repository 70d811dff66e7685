"""A host that listens on a port of this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from blueprint.host import Host
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


@dataclass
class Served:
    """A host, and where it listens."""

    host: Host
    url: str

    @property
    def access_token(self) -> str:
        return self.host.bearer()["Authorization"].removeprefix("Bearer ")


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(host: Host) -> Iterator[Served]:
    """Serve a host until the block ends."""
    with listening(host.app) as url:
        yield Served(host, url)


@contextlib.contextmanager
def listening(app: Flask) -> Iterator[str]:
    """Serve an app until the block ends; gives its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
