"""Ends of an HTTP/2 stream that ASGI has no words for.

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

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendCallable


async def end_with_headers(
    send: ASGISendCallable, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    """Answer a request with headers only.

    Args:
        send: Of the request.
        status: The HTTP status.
        headers: By lower-case name.
    """
    stream, http2 = _behind(send)
    with contextlib.suppress(ProtocolError):  # the client may have given up meanwhile
        http2.connection.send_headers(
            stream.stream_id, [(b":status", b"%d" % status), *headers], end_stream=True
        )
    await http2._flush()


async def reset(send: ASGISendCallable) -> None:
    """Reset the stream of a request; its connection stays.

    Args:
        send: Of the request.
    """
    stream, http2 = _behind(send)
    # Not REFUSED_STREAM: that one promises that nothing was processed, and clients try it again
    # by themselves.
    with contextlib.suppress(ProtocolError):
        http2.connection.reset_stream(stream.stream_id, ErrorCodes.INTERNAL_ERROR)
    await http2._flush()


def _behind(send: ASGISendCallable) -> tuple[Any, Any]:
    """Hypercorn's ``HTTPStream`` of a request, and the ``H2Protocol`` of its connection."""
    stream: Any = getattr(send, "__self__")  # noqa: B009 - a type of function has none
    return stream, stream.send.__self__
