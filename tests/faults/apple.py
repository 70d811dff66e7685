"""An address at which Apple is well or sick, as a test says; `sick` has the diseases.

``LocalApns`` answers as Apple does, in its faults too. What stands in front of it here may answer
as Apple never should: another protocol, half a frame, the same answer twice.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.received import Received

Behaviour = Callable[[socket.socket], None]
"""What is done with a connection that was taken; it is closed afterwards."""


class Front:
    """Listens where the hosts push to, and lets the local APNs answer while it is well.

    Args:
        apns: Whom it stands for.
    """

    def __init__(self, apns: LocalApns) -> None:
        self.apns = apns
        self.taken_by_others: list[str] = []
        """Device tokens that were answered with 200 by a sick Apple, in order."""
        self.connections = 0
        """How many were taken so far."""
        self._behaviour: Behaviour = self.relay
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """For a host that pushes to this address."""
        return {**self.apns.settings, "LIVE_ACTIVITY_APNS_SERVER": self.url}

    @property
    def accepted(self) -> list[Received]:
        """What was answered with 200, whoever did it: as ``LocalApns.accepted``."""
        by_others = [_taken(token) for token in list(self.taken_by_others)]
        return self.apns.accepted + by_others

    def become(self, behaviour: Behaviour) -> None:
        """Cut all connections, and do this with new ones."""
        self.welcome(behaviour)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def welcome(self, behaviour: Behaviour) -> None:
        """Do this with new connections; those there are stay as they are."""
        self._behaviour = behaviour

    def recover(self) -> None:
        """Be well again."""
        self.become(self.relay)

    def relay(self, client: socket.socket) -> None:
        """Let the local APNs answer."""
        with socket.create_connection(("127.0.0.1", self.apns.port)) as server:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            other = {client: server, server: client}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)

    # --- its life ----------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            # By another descriptor it can be cut even when TLS has taken this one over.
            handle = connection.dup()
            self._open.add(handle)
            self.connections += 1
            self._run(self._serve, connection, handle)

    def _serve(self, connection: socket.socket, handle: socket.socket) -> None:
        # A client that gives up in the midst is what these tests are about; so is a server.
        with handle, connection, contextlib.suppress(OSError):
            self._behaviour(connection)
            handle.shutdown(socket.SHUT_RDWR)
        self._open.discard(handle)

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=arguments, name="sick-apple", daemon=True)
        thread.start()
        self._threads.append(thread)

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.become(lambda _: None)
        for thread in self._threads:
            thread.join(5)


def _taken(token: str) -> Received:
    return Received(
        token=token,
        path=f"/3/device/{token}",
        headers={},
        payload=None,
        body=b"",
        status=200,
        reason=None,
        apns_id="",
        provider_token=None,
        at=0.0,
    )
