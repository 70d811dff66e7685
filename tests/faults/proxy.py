"""A TCP proxy between the package and a server: it cuts, refuses, falls silent, delays."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

PATIENCE = 10.0


@dataclass(eq=False)
class _Link:
    """A client's connection, and the one to the server on its behalf."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    silent: bool = False

    @property
    def _ends(self) -> list[asyncio.StreamWriter]:
        return [end for end in (self.client, self.server) if end is not None]

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    def close(self) -> None:
        for end in self._ends:
            end.close()


class Proxy:
    """Listens at a port of its own, for a server at another.

    Args:
        server: The server's port.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._links: set[_Link] = set()
        self._listener: asyncio.Server | None = None
        self._silent = False
        self.delay = 0.0
        """Seconds by which each answer of the server's is late."""
        self.taken = 0
        """How many connections it has taken."""
        # Holds the port while nobody listens there.
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen())

    # --- what goes wrong ---------------------------------------------------------------------

    def turn_to(self, server: int) -> None:
        """Connect to another server from now on; the connections that there are stay."""
        self._server = server

    def cut(self) -> None:
        """Cut all connections; new ones are taken."""
        self._do(self._cut())

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Cut all connections, and refuse new ones."""
        self._do(self._refuse())
        yield
        self._do(self._listen())

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Swallow all that is said, on connections there are and on new ones.

        They stay so. The server has given its ends up by the time that this is over, as its own
        timeouts would.
        """
        self._do(self._fall_silent())
        yield
        self._silent = False
        self._do(self._let_server_notice())

    def fall_silent(self) -> None:
        """As with `silence`, and the server never notices."""
        self._do(self._fall_silent())

    # --- in the loop -------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._take, sock=_bound(self.port))

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._cut()

    async def _cut(self) -> None:
        for link in list(self._links):
            link.cut()

    async def _fall_silent(self) -> None:
        self._silent = True
        for link in self._links:
            link.silent = True

    async def _let_server_notice(self) -> None:
        for link in self._links:
            if link.silent and link.server is not None:
                link.server.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer, silent=self._silent)
        self._links.add(link)
        self.taken += 1
        try:
            if link.silent:
                await _swallow(reader)
                return
            answers, link.server = await asyncio.open_connection("127.0.0.1", self._server)
            await asyncio.gather(
                self._pass_on(reader, link, link.server),
                self._pass_on(answers, link, writer, is_answer=True),
            )
        except OSError:
            link.cut()
        finally:
            link.close()
            self._links.discard(link)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        link: _Link,
        writer: asyncio.StreamWriter,
        *,
        is_answer: bool = False,
    ) -> None:
        while said := await reader.read(65536):
            if is_answer and self.delay:
                await asyncio.sleep(self.delay)
            if not link.silent:
                writer.write(said)
                await writer.drain()
        if not link.silent:
            writer.close()

    # --- its life ----------------------------------------------------------------------------

    def close(self) -> None:
        """Cut all connections, and let the port go."""
        self._do(self._refuse())
        self._do(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self._held.close()

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports say that they are closed in the next round

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
