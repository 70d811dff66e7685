"""The sending end of a connection, which can be cut and can fall silent."""

from __future__ import annotations

import asyncio


class TransportWire:
    """Writes to a transport of asyncio; to one that was cut, nothing.

    Args:
        transport: Of the connection.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._muted = False

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        if data and not self._muted and not self._transport.is_closing():
            self._transport.write(data)

    def mute(self) -> None:
        """Send nothing from now on, and keep it open."""
        self._muted = True

    def finish(self) -> None:
        """Close it once all that was written has been sent."""
        self._transport.close()

    def cut(self) -> None:
        """Close it at once."""
        self._transport.abort()
