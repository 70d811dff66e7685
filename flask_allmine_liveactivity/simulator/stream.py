"""One HTTP/2 stream, and the ends of it that ASGI has no words for.

Hypercorn ends every answer with a frame of data, if need be an empty one, and answers with an empty
500 where the application fails. Apple ends an answer without a body with its headers, and some
clients (aioapns) fail at anything else; and a stream that is reset has no answer at all. So this
reaches through ``send`` for Hypercorn's stream and connection, and ends the stream there. What the
application then sends by ASGI never reaches the wire: Hypercorn takes it for an answer to a client
that did not wait, and clears the stream away.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendCallable

    from flask_allmine_liveactivity.simulator.connection import Connection

# Not REFUSED_STREAM: that one promises that nothing was processed, and clients try it again by
# themselves.
_FAILED = ErrorCodes.INTERNAL_ERROR
_REFUSED = ErrorCodes.REFUSED_STREAM
_UNLIMITED = 2**31 - 1


class Stream:
    """The stream of one request.

    Args:
        send: Of the request.
        connection: That it came on.
    """

    def __init__(self, send: ASGISendCallable, connection: Connection) -> None:
        self._send = send
        self._connection = connection
        # Hypercorn's HTTPStream, and the H2Protocol of its connection.
        self._stream: Any = getattr(send, "__self__")  # noqa: B009 - a function's type has none
        self._http2: Any = self._stream.send.__self__
        self.id: int = self._stream.stream_id

    def open(self) -> bool:
        """Count it among its connection's; ``False``: it is one too many."""
        return self._connection.admit(self.id, self._is_open)

    def release(self) -> None:
        """From here on the client may open another one. To release it twice does nothing."""
        self._connection.open_streams.discard(self.id)

    def _is_open(self, stream_id: int) -> bool:
        stream = self._http2.connection.streams.get(stream_id)
        return stream is not None and stream.open

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer the request.

        Args:
            status: The HTTP status.
            headers: By lower-case name.
            body: May be empty.
        """
        self.release()
        if not body:
            with contextlib.suppress(ProtocolError):  # the client may have given up meanwhile
                self._http2.connection.send_headers(
                    self.id, [(b":status", b"%d" % status), *headers], end_stream=True
                )
            await self._http2._flush()
        start: Any = {"type": "http.response.start", "status": status, "headers": headers}
        end: Any = {"type": "http.response.body", "body": body, "more_body": False}
        await self._send(start)
        await self._send(end)

    async def refuse(self) -> None:
        """Say that it was one too many, and was not processed (RFC 9113, section 5.1.2)."""
        await self._reset(_REFUSED)

    async def reset(self) -> None:
        """End it without an answer; its connection stays."""
        await self._reset(_FAILED)

    async def _reset(self, code: ErrorCodes) -> None:
        self.release()
        with contextlib.suppress(ProtocolError):
            self._http2.connection.reset_stream(self.id, code)
        await self._http2._flush()
        await self.answer(500, [], b"")


def leave_limit_to_us(http2: Any) -> None:
    """Let no limit of h2's end the connection: one stream too many is for ``Stream.refuse``.

    h2 holds a client to a limit by ending the whole connection; HTTP/2 lets a server refuse the
    one stream. What was sent to the client stays as it is. Hypercorn's order of streams has a limit
    of its own, and counts those that were answered a moment ago.

    Args:
        http2: Hypercorn's ``H2Protocol``, once it has sent its settings and before it reads.
    """
    http2.priority = type(http2.priority)(maximum_streams=_UNLIMITED)
    settings = http2.connection.local_settings
    settings[SettingCodes.MAX_CONCURRENT_STREAMS] = _UNLIMITED
    settings.acknowledge()
