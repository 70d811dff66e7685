"""The port that is listened at, in a thread of its own.

A local APNs must be able to vanish at once, as Apple's does in an outage: so each connection is a
task that can be ended, whatever is under way on it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import TypeAlias

from flask_allmine_liveactivity.simulator.certificate import SERVER_FILE, SERVER_KEY_FILE
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.http2 import Http2, Serve
from flask_allmine_liveactivity.simulator.reconnects import Reconnects

_Running: TypeAlias = concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]

log = logging.getLogger("flask_allmine_liveactivity.simulator")

# Seconds.
_HANDSHAKE_TIMEOUT = 5.0
_SHUTDOWN_TIMEOUT = 1.0
_GRACE = 0.2
_STOP_TIMEOUT = 5.0
_BACKLOG = 512


def tls_context(folder: Path) -> ssl.SSLContext:
    """TLS as Apple has it: 1.2 and newer, for HTTP/2 (Apple, "Sending notification requests").

    Args:
        folder: Where the certificate is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / SERVER_FILE, folder / SERVER_KEY_FILE)
    context.set_alpn_protocols(["h2"])
    return context


def _keep_tokens_out_of_logs() -> None:
    """At DEBUG hpack logs every header, tokens and all: that must be asked of it by its name."""
    hpack = logging.getLogger("hpack")
    if hpack.level == logging.NOTSET:
        hpack.setLevel(logging.INFO)


class Server:
    """A port that speaks HTTP/2 over TLS.

    Args:
        serve: Answers a request.
        tls: The server's side of TLS.
        on_connect: Called with each new connection, in the server's thread.
        reconnects: Says who connects anew too often.
        max_concurrent_streams: For each connection, once it is authenticated.
        host: To listen at.
        port: To listen at; 0 lets the system choose.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        serve: Serve,
        tls: ssl.SSLContext,
        *,
        on_connect: Callable[[Connection], None],
        reconnects: Reconnects,
        max_concurrent_streams: int,
        host: str,
        port: int,
    ) -> None:
        _keep_tokens_out_of_logs()
        self._on_connect = on_connect
        self._reconnects = reconnects
        self._max_concurrent_streams = max_concurrent_streams
        self._connections: set[Connection] = set()
        self._serve = serve
        self._tls = tls
        listening = socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
        listening.setblocking(False)
        self.port: int = listening.getsockname()[1]
        running: _Running = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(listening, running), name=f"local-apns-{self.port}", daemon=True
        )
        self._thread.start()
        self._loop, self._stopping = running.result()

    def stop(self) -> None:
        """Cut all connections, refuse new ones, and wait for the thread to end.

        Raises:
            RuntimeError: It has not ended: an ``on_push`` may be blocking it.
        """
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_TIMEOUT)
        if self._thread.is_alive():
            raise RuntimeError(
                f"The local APNs has not stopped within {_STOP_TIMEOUT:g} s. "
                "Does its on_push block?"
            )

    def for_each(self, act: Callable[[Connection], None]) -> int:
        """Do something to each connection, in the server's thread, and wait until it is done.

        Args:
            act: Called with each; never blocking.

        Returns:
            How many there were.
        """

        def act_on_all() -> int:
            connections = list(self._connections)
            for connection in connections:
                act(connection)
            return len(connections)

        if threading.current_thread() is self._thread:
            return act_on_all()
        done: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(act_on_all()))
        return done.result(_STOP_TIMEOUT)

    def _run(self, listening: socket.socket, running: _Running) -> None:
        # The default loop of Windows has no add_reader.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._listen(listening, running))

    async def _listen(self, listening: socket.socket, running: _Running) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        # Not sock_accept: a connection that comes as it is cancelled would be lost, and stay open.
        def accept() -> None:
            try:
                accepted, (address, *_) = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):  # the client has gone again
                return
            if self._reconnects.refuses(address):
                _refuse(accepted)
                return
            task = loop.create_task(self._converse(accepted, address))
            connections.add(task)
            task.add_done_callback(connections.discard)

        with listening:
            loop.add_reader(listening, accept)
            running.set_result((loop, stopping))
            await stopping.wait()
            loop.remove_reader(listening)
        for connection in list(self._connections):
            connection.cut()
        await _end(connections)

    async def _converse(self, accepted: socket.socket, address: str) -> None:
        # asyncio does so by itself only for sockets that were made with the protocol's number.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        http2 = Http2(self._serve, self._meet, self._max_concurrent_streams)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: http2,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
            )
        except OSError as error:
            log.info("A TLS handshake failed: %s", error)
            self._reconnects.count(address)
            return
        try:
            await http2.ended()
            if not http2.connection.is_ended_here:
                self._reconnects.count(address)
        finally:
            http2.connection.cut()
            self._connections.discard(http2.connection)

    def _meet(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._on_connect(connection)


@contextlib.contextmanager
def reserved(host: str, port: int) -> Iterator[None]:
    """Keep a port without listening: connections are refused, and nobody else gets it.

    A port given back is free for the outgoing connections of this machine as well; a client that
    tries it again and again would sooner or later connect to itself.
    """
    with socket.socket(_family(host), socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, port))
        yield


def _refuse(accepted: socket.socket) -> None:
    """End a connection by TCP's own refusal: a reset."""
    at_once = struct.pack("ii", 1, 0)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    accepted.close()


async def _end(tasks: Set[asyncio.Task[None]]) -> None:
    """Let tasks end by themselves for a moment, then cancel them, again where one holds on."""
    pending = set(tasks)
    for _ in range(3):
        if pending:
            _, pending = await asyncio.wait(pending, timeout=_GRACE)
        for task in pending:
            task.cancel()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
