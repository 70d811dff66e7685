"""What a sick Apple does with a connection, by name."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import h2.config
import h2.connection
import h2.events
from hyperframe.frame import (
    ContinuationFrame,
    GoAwayFrame,
    HeadersFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from flask_allmine_liveactivity.simulator.certificate import SERVER_FILE, SERVER_KEY_FILE

from .apple import Behaviour

RUBBISH = random.Random(7).randbytes(4096)
HEADERS_SENT = bytes([0x88])
"""``:status: 200``, compressed."""
SETTINGS = SettingsFrame(0).serialize()

OverTls = Callable[[ssl.SSLSocket], None]


def slams_the_door(client: socket.socket) -> None:
    """Takes a connection, and closes it."""


def never_shakes_hands(client: socket.socket) -> None:
    """Takes a connection, and says nothing."""
    until_closed(client)


def talks_rubbish_instead_of_tls(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(RUBBISH)
    until_closed(client)


class _Closed(ssl.SSLSocket):
    """CPython leaves it open where the client has reset the connection before it shook hands."""

    def __del__(self) -> None:
        self.close()


def over_tls(folder: Path, talk: OverTls, *protocols: str) -> Behaviour:
    """With the certificate that hosts trust, and these protocols to choose from (ALPN)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / SERVER_FILE, folder / SERVER_KEY_FILE)
    context.sslsocket_class = _Closed
    if protocols:
        context.set_alpn_protocols(list(protocols))

    def behave(client: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as tls:
            talk(tls)

    return behave


# --- instead of HTTP/2 -----------------------------------------------------------------------


def talks_rubbish(tls: ssl.SSLSocket) -> None:
    tls.recv(65536)
    tls.sendall(RUBBISH)
    until_closed(tls)


def says_in_http1(answer: bytes) -> OverTls:
    """Answers each request so, as HTTP/1.1."""

    def talk(tls: ssl.SSLSocket) -> None:
        read = b""
        while data := tls.recv(65536):
            read += data
            if read.endswith(b"}}"):  # the end of a payload
                read = b""
                tls.sendall(answer)

    return talk


# --- HTTP/2 that is none ---------------------------------------------------------------------


def says_in_http2(answer: bytes, *, hang_up: bool = False) -> OverTls:
    """Sends these frames once a push has come, and then nothing more."""

    def talk(tls: ssl.SSLSocket) -> None:
        tls.sendall(SETTINGS)
        read = b""
        while b"}}" not in read:
            data = tls.recv(65536)
            if not data:
                return
            read += data
        tls.sendall(answer)
        if not hang_up:
            until_closed(tls)

    return talk


def headers_without_end(tls: ssl.SSLSocket) -> None:
    """The headers of an answer, continued for as long as somebody listens."""
    says_in_http2(HeadersFrame(1, data=HEADERS_SENT).serialize(), hang_up=True)(tls)
    more = ContinuationFrame(1, data=b"\x00\x01a" + b"\x7f\x81\x7e" + b"x" * 16_000).serialize()
    while True:
        tls.sendall(more)


HALF_A_FRAME = HeadersFrame(1, data=HEADERS_SENT * 50, flags=["END_HEADERS"]).serialize()[:20]
A_WINDOW_THAT_OVERFLOWS = 2 * WindowUpdateFrame(0, window_increment=2**31 - 1).serialize()
AN_ANSWER_NOBODY_ASKED_FOR = HeadersFrame(
    4711, data=HEADERS_SENT, flags=["END_HEADERS", "END_STREAM"]
).serialize()
HEADERS_THAT_ARE_NONE = HeadersFrame(
    1, data=b"\xff\xff\xff\xff\xff\xff", flags=["END_HEADERS", "END_STREAM"]
).serialize()


# --- HTTP/2 that is right, and an Apple that is not ------------------------------------------


class Talk:
    """The server's end of an HTTP/2 connection, for a sick Apple to answer on."""

    def __init__(self, tls: ssl.SSLSocket, most_streams: int = 100) -> None:
        self.tls = tls
        self.http2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.http2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: most_streams})
        self.http2.initiate_connection()
        self.tokens: dict[int, str] = {}

    def pushes(self) -> list[int]:
        """Read what comes: the streams of pushes that are complete now; none where it is over."""
        complete: list[int] = []
        while not complete:
            self.flush()
            data = self.tls.recv(65536)
            if not data:
                return []
            for event in self.http2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    path = dict(event.headers)[":path"]
                    self.tokens[event.stream_id] = path.rpartition("/")[2]
                elif isinstance(event, h2.events.DataReceived):
                    self.http2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                elif isinstance(event, h2.events.StreamEnded):
                    complete.append(event.stream_id)
        return complete

    def accept(self, stream: int) -> str:
        """Answer a push with 200; its device token."""
        self.http2.send_headers(stream, [(":status", "200")], end_stream=True)
        return self.tokens[stream]

    def flush(self) -> None:
        self.tls.sendall(self.http2.data_to_send())


def answers_twice(taken: list[str]) -> OverTls:
    """Accepts each push, and then accepts it once more."""

    def talk(tls: ssl.SSLSocket) -> None:
        conversation = Talk(tls)
        while streams := conversation.pushes():
            for stream in streams:
                taken.append(conversation.accept(stream))
            conversation.flush()
            for stream in streams:
                flags = ["END_HEADERS", "END_STREAM"]
                tls.sendall(HeadersFrame(stream, data=HEADERS_SENT, flags=flags).serialize())

    return talk


def leaves_after(count: int, taken: list[str]) -> OverTls:
    """Says GOAWAY after so many pushes, in the middle of those that have come: the later ones
    were not processed."""

    def talk(tls: ssl.SSLSocket) -> None:
        conversation = Talk(tls)
        left = count
        while streams := conversation.pushes():
            for stream in streams[:left]:
                taken.append(conversation.accept(stream))
            conversation.flush()
            left -= len(streams)
            if left <= 0:
                last = streams[min(len(streams), left + len(streams)) - 1]
                debug_data = b'{"reason":"Shutdown"}'
                tls.sendall(GoAwayFrame(0, last, additional_data=debug_data).serialize())
                until_closed(tls)
                return

    return talk


def resets_some(share: float, chance: random.Random, taken: list[str]) -> OverTls:
    """Resets the streams of this share of the pushes; some of those were taken all the same."""

    def talk(tls: ssl.SSLSocket) -> None:
        conversation = Talk(tls)
        while streams := conversation.pushes():
            for stream in streams:
                if chance.random() >= share:
                    taken.append(conversation.accept(stream))
                    continue
                if chance.random() < 0.5:
                    taken.append(conversation.tokens[stream])
                conversation.http2.reset_stream(stream, 2)

    return talk


def resets_all(tls: ssl.SSLSocket) -> None:
    """Resets the stream of each push, and takes none."""
    resets_some(1.0, random.Random(1), [])(tls)


def until_closed(connection: socket.socket) -> None:
    """Read and forget what comes."""
    while connection.recv(65536):
        pass
