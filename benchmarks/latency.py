"""A TCP proxy that holds each byte on its way to the sink: ``latency.py PORT TO_PORT SECONDS``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from sink import free_port, pinned, wait_for


@contextlib.contextmanager
def delayed(to_port: int, seconds: float, core: int | None) -> Iterator[int]:
    """The port at which `to_port` is so many seconds away, there and back."""
    if not seconds:
        yield to_port
        return
    port = free_port()
    command = [sys.executable, __file__, str(port), str(to_port), str(seconds)]
    proxy = subprocess.Popen(command, preexec_fn=pinned(core))
    try:
        wait_for(port)
        yield port
    finally:
        proxy.kill()
        proxy.wait()


async def _serve(port: int, to_port: int, seconds: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to_port)
        for end in (writer, back):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(_carry(reader, back, seconds), _carry(there, writer, 0.0))

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=1 << 22)
    await server.serve_forever()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while chunk := await reader.read(1 << 18):
            if seconds:
                # One after the other, for a loop keeps the order of what is due.
                loop.call_at(time.monotonic() + seconds, writer.write, chunk)
            else:
                writer.write(chunk)
    if seconds:
        await asyncio.sleep(seconds)
    writer.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
