"""Hypercorn in a thread of its own.

Hypercorn's own ``serve`` ends politely: it waits until clients have said goodbye, for seconds, and
from Python 3.12 on without a limit. A local APNs must be able to vanish, as Apple's does in an
outage. So the connections are accepted here, each of them a task that can be ended, and given to
Hypercorn's ``TCPServer``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import TypeAlias

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from flask_allmine_liveactivity.simulator.certificate import SERVER_FILE, SERVER_KEY_FILE
from flask_allmine_liveactivity.simulator.connection import (
    UNAUTHENTICATED_STREAMS,
    Connection,
)
from flask_allmine_liveactivity.simulator.tcp import Http2Connection, Writer

_Running: TypeAlias = concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]

log = logging.getLogger("flask_allmine_liveactivity.simulator")

CONNECTION = "connection"
"""The key under which a request's ASGI ``state`` has its ``Connection``."""

# Seconds.
_HANDSHAKE_TIMEOUT = 5.0
_SHUTDOWN_TIMEOUT = 1.0
_GRACE = 0.2
_STOP_TIMEOUT = 5.0
_BACKLOG = 512
# After so many requests on a connection Hypercorn sends a GOAWAY, and leaves those under way
# without an answer; its default is 1,000.
_UNLIMITED = 2**31


def hypercorn_config(folder: Path) -> Config:
    """Hypercorn's settings for a server that behaves like Apple's.

    Args:
        folder: Where the certificate is.
    """
    config = Config()
    config.certfile = str(folder / SERVER_FILE)
    config.keyfile = str(folder / SERVER_KEY_FILE)
    config.alpn_protocols = ["h2"]
    config.h2_max_concurrent_streams = UNAUTHENTICATED_STREAMS
    config.keep_alive_max_requests = _UNLIMITED
    config.include_date_header = False
    config.include_server_header = False
    config.errorlog = log
    return config


def _keep_tokens_out_of_logs() -> None:
    """At DEBUG hpack logs every header, tokens and all: that must be asked of it by its name."""
    hpack = logging.getLogger("hpack")
    if hpack.level == logging.NOTSET:
        hpack.setLevel(logging.INFO)


class Server:
    """An ASGI application on a port, over HTTP/2 and TLS.

    Args:
        application: What answers.
        config: Of Hypercorn.
        on_connect: Called with each new connection, in the server's thread.
        max_concurrent_streams: For each connection, once it is authenticated.
        host: To listen at.
        port: To listen at; 0 lets the system choose.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        application: ASGIFramework,
        config: Config,
        *,
        on_connect: Callable[[Connection], None],
        max_concurrent_streams: int,
        host: str,
        port: int,
    ) -> None:
        _keep_tokens_out_of_logs()
        self._on_connect = on_connect
        self._max_concurrent_streams = max_concurrent_streams
        self._connections: set[Connection] = set()
        self._application = ASGIWrapper(application)
        self._config = config
        tls = config.create_ssl_context()
        if tls is None:
            raise ValueError("The local APNs needs a certificate: Apple speaks TLS only.")
        self._tls: ssl.SSLContext = tls
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
            runner.run(self._serve(listening, running))

    async def _serve(self, listening: socket.socket, running: _Running) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        writers: set[asyncio.StreamWriter] = set()
        connections: set[asyncio.Task[None]] = set()

        # Not sock_accept: a connection that comes as it is cancelled would be lost, and stay open.
        def accept() -> None:
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):  # the client has gone again
                return
            task = loop.create_task(self._converse(accepted, writers))
            connections.add(task)
            task.add_done_callback(connections.discard)

        with listening:
            loop.add_reader(listening, accept)
            running.set_result((loop, stopping))
            await stopping.wait()
            loop.remove_reader(listening)
        for writer in writers:
            writer.transport.abort()
        await _end(connections)

    async def _converse(
        self,
        accepted: socket.socket,
        writers: set[asyncio.StreamWriter],
    ) -> None:
        loop = asyncio.get_running_loop()
        # asyncio does so by itself only for sockets that were made with the protocol's number.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
            )
        except OSError as error:
            log.info("A TLS handshake failed: %s", error)
            return
        writer = Writer(transport, protocol, reader, loop)
        writers.add(writer)
        connection: Connection | None = None
        try:
            peer = transport.get_extra_info("peername")
            connection = Connection(
                writer,
                client=peer[:2] if peer else None,
                full_limit=self._max_concurrent_streams,
            )
            self._connections.add(connection)
            self._on_connect(connection)
            state = {CONNECTION: connection}
            await Http2Connection(
                self._application, loop, self._config, WorkerContext(None), state, reader, writer
            )
        except Exception:
            # What Hypercorn makes of a connection that was cut is of no interest to a test.
            level = logging.DEBUG if transport.is_closing() else logging.ERROR
            log.log(level, "A connection failed", exc_info=True)
        finally:
            writers.discard(writer)
            if connection is not None:
                self._connections.discard(connection)
            transport.abort()


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
