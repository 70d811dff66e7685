"""HTTP/2 on one connection: bytes in, requests out; answers in, bytes out.

h2 knows the protocol, and no socket. What Apple does with frames (one stream only at first, streams
that are refused, a GOAWAY with a reason, silence) is said by ``Connection`` and ``Stream``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TypeAlias, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame

from flask_allmine_liveactivity.simulator.connection import UNAUTHENTICATED_STREAMS, Connection
from flask_allmine_liveactivity.simulator.reasons import SENDING
from flask_allmine_liveactivity.simulator.stream import Stream
from flask_allmine_liveactivity.simulator.wire import TransportWire

log = logging.getLogger("flask_allmine_liveactivity.simulator")

Serve: TypeAlias = Callable[[Stream, Connection], None]

_PREFACE = b"PRI * HTTP/2.0\r\n"
_UNLIMITED = 2**31 - 1


class _H2(H2Connection):
    """h2, but that what is under way is finished after a client's GOAWAY (RFC 9113, section 6.8).

    h2 itself says and reads no more from then on.
    """

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        return [], [ConnectionTerminated()]


class Http2(asyncio.Protocol):
    """The server's end of a connection.

    Args:
        serve: Answers a request; called once it is all there.
        on_connect: Called with the connection before anything is read or sent.
        full_limit: How many streams it may carry once it is authenticated.
    """

    connection: Connection
    """There once TLS has been agreed on."""

    def __init__(
        self, serve: Serve, on_connect: Callable[[Connection], None], full_limit: int
    ) -> None:
        self._serve = serve
        self._on_connect = on_connect
        self._full_limit = full_limit
        self.h2: H2Connection = _H2(H2Configuration(client_side=False, header_encoding=None))
        self._streams: dict[int, Stream] = {}
        self._has_begun = False
        self._lost = asyncio.Event()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS has been agreed on, and with it HTTP/2, where the client has asked for a protocol.

        One that asks for none (no ALPN) is served just the same, once it has shown what it speaks.
        """
        self._transport = cast(asyncio.Transport, transport)
        self._wire = TransportWire(self._transport)
        peer = transport.get_extra_info("peername")
        self.connection = Connection(
            self._wire, client=peer[:2] if peer else None, full_limit=self._full_limit
        )
        self._on_connect(self.connection)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() is not None:
            self._begin()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if not self._has_begun:
            if not _PREFACE.startswith(data[: len(_PREFACE)]):
                self._refuse_http1(data)
                return
            self._begin()
        try:
            events = self.h2.receive_data(data)
        except ProtocolError as error:
            # Not what h2 says of it: that may quote a header, and with it a provider token.
            log.info(
                "A connection breaks a rule of HTTP/2, and is ended: %s.", type(error).__name__
            )
            self.flush()
            self._wire.finish()
            return
        for event in events:
            self._handle(event)
        self.flush()

    def pause_writing(self) -> None:
        """The client does not read its answers: it is not to send more meanwhile."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has read them."""
        self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended, this way or that."""
        for stream in self._streams.values():
            stream.leave()
        self._lost.set()

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._lost.wait()

    # What a stream calls

    def flush(self) -> None:
        """Send what h2 has ready."""
        self._wire.write(self.h2.data_to_send())

    def forget(self, stream: Stream) -> None:
        """The stream has ended: its client may open another one. To say so twice does nothing."""
        self._streams.pop(stream.id, None)
        self.connection.release(stream.id)

    # What comes

    def _begin(self) -> None:
        """Send the settings, then let no limit of h2's end the connection.

        h2 holds a client to a limit of streams by ending its whole connection; HTTP/2 lets a server
        refuse the one stream (RFC 9113, section 5.1.2), and this one does.
        """
        self._has_begun = True
        settings = self.h2.local_settings
        settings[SettingCodes.MAX_CONCURRENT_STREAMS] = UNAUTHENTICATED_STREAMS
        settings.acknowledge()
        self.h2.initiate_connection()
        self.flush()
        settings[SettingCodes.MAX_CONCURRENT_STREAMS] = _UNLIMITED
        settings.acknowledge()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._open(event.stream_id, event.headers)
            case DataReceived():
                if stream := self._streams.get(event.stream_id):
                    stream.take(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                if stream := self._streams.get(event.stream_id):
                    self._answer(stream)
            case StreamReset():
                if stream := self._streams.get(event.stream_id):
                    stream.leave()
                    self.forget(stream)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream in list(self._streams.values()):
                    stream.send_more()
            case ConnectionTerminated():
                self.connection.finish_up()

    def _open(self, stream_id: int, headers: list[tuple[bytes, bytes]]) -> None:
        if not self.connection.takes(stream_id):
            return
        stream = Stream(self, stream_id, headers)
        if not self.connection.admit(stream_id):
            log.info(
                "Stream refused (REFUSED_STREAM): one more than SETTINGS_MAX_CONCURRENT_STREAMS "
                "allows, which is 1 until a request with a valid provider token was answered. "
                'Source: Apple, "%s".',
                SENDING,
            )
            stream.reset(ErrorCodes.REFUSED_STREAM)
            return
        self._streams[stream_id] = stream

    def _answer(self, stream: Stream) -> None:
        if not self.connection.takes(stream.id):
            self.connection.abandon(stream.id)
            return
        try:
            self._serve(stream, self.connection)
        except Exception:
            log.exception("A request failed")
            stream.answer(500, [], b"")

    def _refuse_http1(self, data: bytes) -> None:
        version = re.search(rb" HTTP/(1\.[01])\r\n", data)
        log.info(
            '505: a client speaks HTTP/%s, and must speak HTTP/2. Source: Apple, "%s".',
            version[1].decode() if version else "1",
            SENDING,
        )
        text = b"Apple speaks HTTP/2 only.\n"
        head = b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\n"
        self._wire.write(head + b"Content-Length: %d\r\n\r\n" % len(text) + text)
        self._wire.finish()
