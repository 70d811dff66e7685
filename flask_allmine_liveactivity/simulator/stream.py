"""One HTTP/2 stream: a request, and what is said to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

# Far more than any payload may have; what comes beyond it is read, and dropped.
MOST_BODY = 1 << 20

# Not REFUSED_STREAM: that one promises that nothing was processed, and clients try it again by
# themselves.
_FAILED = ErrorCodes.INTERNAL_ERROR


class Carrier(Protocol):
    """The connection of a stream, as far as a stream needs it."""

    h2: H2Connection

    def flush(self) -> None:
        """Send what h2 has ready."""

    def forget(self, stream: Stream) -> None:
        """The stream has ended: its place is free."""


class Stream:
    """The stream of one request.

    Args:
        carrier: The connection that it came on.
        stream_id: Its number.
        headers: Of the request, pseudo-headers too.
    """

    def __init__(
        self, carrier: Carrier, stream_id: int, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self.id = stream_id
        self.headers = headers
        self._carrier = carrier
        self._body = bytearray()
        self._unsent = b""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def body(self) -> bytes:
        """What has come of it; the first `MOST_BODY` bytes at most."""
        return bytes(self._body)

    def take(self, data: bytes) -> None:
        """A part of the body."""
        self._body += data[: MOST_BODY - len(self._body)]

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after so long, unless the client has gone by then."""
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def leave(self) -> None:
        """Its client has given up, or its connection has ended."""
        self._unsent = b""
        if self._timer is not None:
            self._timer.cancel()

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer the request; it is under way until the last byte was sent.

        The last frame that carries anything ends the stream, as Apple's does. An empty one after it
        is read as an answer of its own by Pushy, which then knows no reason, and breaks aioapns.

        Args:
            status: The HTTP status.
            headers: By lower-case name.
            body: May be empty.
        """
        self._unsent = b"" if (b":method", b"HEAD") in self.headers else body
        all_headers = [(b":status", b"%d" % status), *headers]
        with contextlib.suppress(ProtocolError):  # the client has just given up
            self._carrier.h2.send_headers(self.id, all_headers, end_stream=not self._unsent)
        self._send_unsent()

    def send_more(self) -> None:
        """There may be room for more of the answer, where it has begun."""
        if self._unsent:
            self._send_unsent()

    def reset(self, code: ErrorCodes = _FAILED) -> None:
        """End it without an answer; its connection stays."""
        with contextlib.suppress(ProtocolError):
            self._carrier.h2.reset_stream(self.id, code)
        self._end()

    def _send_unsent(self) -> None:
        h2 = self._carrier.h2
        with contextlib.suppress(ProtocolError):
            while self._unsent:
                room = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size)
                if room <= 0:
                    self._carrier.flush()
                    return
                now, self._unsent = self._unsent[:room], self._unsent[room:]
                h2.send_data(self.id, now, end_stream=not self._unsent)
        self._end()

    def _end(self) -> None:
        self._unsent = b""
        self._carrier.flush()
        self._carrier.forget(self)
