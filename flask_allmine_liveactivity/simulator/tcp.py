"""The two ends of a TCP connection as Hypercorn sees them, taught to be cut and to fall silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.typing import TaskGroup

from flask_allmine_liveactivity.simulator.stream import leave_limit_to_us


class Writer(asyncio.StreamWriter):
    """Drops what is written to a connection that was cut.

    Hypercorn learns of the end where it reads. Where a failing write tells it first, it stumbles
    over the requests that it still has in hand.
    """

    _muted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._muted and not self.transport.is_closing():
            super().write(data)

    async def drain(self) -> None:
        with contextlib.suppress(ConnectionError):
            await super().drain()

    def mute(self) -> None:
        """Send nothing from now on."""
        self._muted = True

    def finish(self) -> None:
        """Close the connection once all that was written has been sent."""
        self.transport.close()

    def cut(self) -> None:
        """Close the connection at once."""
        self.transport.abort()


class _NeverIdle(AsyncioSingleTask):
    """Takes the place of the task that closes an idle connection.

    Apple asks to keep connections open for hours and days. Hypercorn would begin such a task after
    each answer, and leave the last one to the garbage collector where the loop has ended.
    """

    async def restart(self, task_group: TaskGroup, action: Callable[..., Any]) -> None:
        pass

    async def stop(self) -> None:
        pass


class Http2Connection(TCPServer):
    """Hypercorn's end of a connection, which ends when the other one has ended.

    Hypercorn itself would wait: for as long as an idle connection may be kept, and for ever where
    an answer was still to be sent.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task = _NeverIdle()

    async def _read_data(self) -> None:
        if isinstance(self.protocol.protocol, H2Protocol):
            leave_limit_to_us(self.protocol.protocol)
        await super()._read_data()
        await self.context.terminated.set()
        if isinstance(self.protocol.protocol, H2Protocol):
            for unsent in self.protocol.protocol.stream_buffers.values():
                await unsent.close()
