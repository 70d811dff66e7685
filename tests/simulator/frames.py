"""A client that sees every HTTP/2 frame, for what other clients hide."""

from __future__ import annotations

import json
import socket
import ssl
import time
from types import TracebackType
from typing import Self, TypeVar

import h2.config
import h2.connection
import h2.events
import h2.settings
from hyperframe.frame import Frame, GoAwayFrame

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import PAYLOAD, TOKEN, provider_token

Event = TypeVar("Event", bound=h2.events.Event)

BODY = json.dumps(PAYLOAD).encode()
TIMEOUT = 5.0


class RawClient:
    """One connection, frame by frame. It sends whatever it is told, limits or no limits.

    Args:
        apns: To talk to.
        alpn: Whether it asks for HTTP/2 while TLS is set up, or just speaks it.
    """

    def __init__(self, apns: LocalApns, *, alpn: bool = True) -> None:
        self.apns = apns
        self.token = provider_token(apns)
        context = ssl.create_default_context(cafile=apns.ca_file)
        if alpn:
            context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", apns.port), timeout=TIMEOUT)
        try:
            self.socket = context.wrap_socket(plain, server_hostname="localhost")
        except OSError:
            plain.close()
            raise
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.connection.initiate_connection()
        # h2 says and reads no more after a GOAWAY, where HTTP/2 lets the last streams be finished.
        self.connection._frame_dispatch_table[GoAwayFrame] = self._note_goaway
        self.events: list[h2.events.Event] = []
        self.closed = False
        self.pings = 0
        try:
            self.flush()
        except OSError:
            self.socket.close()
            raise

    def flush(self) -> None:
        self.socket.sendall(self.connection.data_to_send())

    def open(self, token: str = TOKEN, *, authorization: str | None = None) -> int:
        """Send the headers of a push; its stream stays open."""
        return self.begin(
            "POST",
            f"/3/device/{token}",
            authorization=f"bearer {self.token}" if authorization is None else authorization,
            apns_topic=f"{self.apns.bundle_id}.push-type.liveactivity",
        )

    def begin(self, method: str, path: str, **headers: str) -> int:
        """Send the headers of any request; its stream stays open."""
        # Otherwise h2 would keep to the server's limit by itself.
        self.connection.remote_settings.max_concurrent_streams = 2**31 - 1
        self.connection.remote_settings.acknowledge()
        stream = self.connection.get_next_available_stream_id()
        all_headers = {
            "authorization": f"bearer {self.token}",
            "apns-push-type": "liveactivity",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        pseudo = [(":method", method), (":authority", "localhost")]
        if method != "CONNECT":
            pseudo += [(":scheme", "https"), (":path", path)]
        self.connection.send_headers(stream, [*pseudo, *all_headers.items()])
        self.flush()
        return stream

    def finish(self, stream: int, body: bytes = BODY) -> None:
        """Send the body of a request."""
        self.connection.send_data(stream, body, end_stream=True)
        self.flush()

    def take_at_most(self, size: int) -> None:
        """Let the server send so much of each answer's body, and no more until there is room."""
        self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: size})
        self.flush()
        self.settled()

    def push(self, token: str = TOKEN, *, authorization: str | None = None) -> int:
        """Send a whole push, and do not wait."""
        stream = self.open(token, authorization=authorization)
        self.finish(stream)
        return stream

    def answer(self, stream: int) -> int:
        """The status that a push was answered with."""
        event = self.wait(h2.events.ResponseReceived, stream)
        self.wait(h2.events.StreamEnded, stream)
        return int(dict(event.headers)[":status"])

    def frames(self, stream: int) -> list[str]:
        """What an answer came in, to its end: ``HEADERS``, ``DATA``; ``+`` where it ends it."""
        self.wait(h2.events.StreamEnded, stream)
        kinds = {h2.events.ResponseReceived: "HEADERS", h2.events.DataReceived: "DATA"}
        return [
            kinds[type(event)] + ("+" if event.stream_ended else "")
            for event in self.events
            if isinstance(event, h2.events.ResponseReceived | h2.events.DataReceived)
            and event.stream_id == stream
        ]

    def body(self, stream: int) -> bytes:
        """The body of an answer, as far as it has come."""
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, h2.events.DataReceived) and event.stream_id == stream
        )

    def wait(self, kind: type[Event], stream: int | None = None) -> Event:
        """The first event of a kind, of a stream if one is named; waited for."""
        until = time.monotonic() + TIMEOUT
        while True:
            for event in self.events:
                if isinstance(event, kind) and stream in (None, getattr(event, "stream_id", None)):
                    return event
            if self.closed or time.monotonic() > until:
                raise AssertionError(f"No {kind.__name__} came, but {self.events}")
            self._read()

    def until_closed(self) -> None:
        """Read until the server has closed the connection."""
        while not self.closed:
            self._read()

    def settings(self) -> list[int]:
        """Each SETTINGS_MAX_CONCURRENT_STREAMS that has come so far, in order."""
        code = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
        return [
            event.changed_settings[code].new_value
            for event in self.events
            if isinstance(event, h2.events.RemoteSettingsChanged) and code in event.changed_settings
        ]

    def settled(self) -> None:
        """Wait until the server has seen all that was sent."""
        self.pings += 1
        ping = self.pings.to_bytes(8, "big")
        self.connection.ping(ping)
        self.flush()
        while not any(
            isinstance(event, h2.events.PingAckReceived) and event.ping_data == ping
            for event in self.events
        ):
            assert not self.closed
            self._read()

    def _note_goaway(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data
        return [], [event]

    def _read(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return
        self.events += self.connection.receive_data(data)
        try:
            self.flush()
        except OSError:
            self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()
