"""A proxy as companies have them: CONNECT, over TCP or TLS, with or without a password."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field

PATIENCE = 10.0


@dataclass
class ConnectProxy:
    """Listens on a port of its own, and opens the way to whatever it is asked for.

    Args:
        credentials: ``user:password`` that it asks for; ``None``: nothing.
        refusal: The status and headers that it answers instead of opening anything.
        tls: The certificate that it shows; ``None``: it is spoken to without TLS.
    """

    credentials: str | None = None
    refusal: str | None = None
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    """What it was asked to connect to, in order."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> ConnectProxy:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):  # not connected any more
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for each in self._open:
            each.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                if self.tls is not None:
                    client = self.tls.wrap_socket(
                        client, server_side=True, do_handshake_on_connect=False
                    )
                self._open.append(client)
                self._start(self._serve, client)

    def _start(self, serve: object, *sockets: socket.socket) -> None:
        thread = threading.Thread(target=serve, args=sockets, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut, or does not trust our certificate
            target = self._wanted(client)
            if target is None:
                client.shutdown(socket.SHUT_RDWR)
                return
            self.asked.append(target)
            host, _, port = target.rpartition(":")
            try:
                server = socket.create_connection((host, int(port)), PATIENCE)
            except OSError:
                self._refuse(client, "502 Bad Gateway")
                client.shutdown(socket.SHUT_RDWR)
                return
            server.settimeout(None)
            self._open.append(server)
            self._accept(client)
            self._start(_pass_on, server, client)
            _pass_on(client, server)

    def _wanted(self, client: socket.socket) -> str | None:
        """The host and port that a client asks for; ``None``: it is refused."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            said = client.recv(65536)
            if not said:
                return None
            head += said
        method, target, _ = head.decode("ascii").split(" ", 2)
        assert method == "CONNECT"
        refusal = self.refusal or self._unless_it_knows(head)
        if refusal is not None:
            self._refuse(client, refusal)
            return None
        return target

    def _accept(self, client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _refuse(self, client: socket.socket, answer: str) -> None:
        client.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    def _unless_it_knows(self, head: bytes) -> str | None:
        if self.credentials is None:
            return None
        due = base64.b64encode(self.credentials.encode())
        if b"proxy-authorization: basic " + due in head.replace(
            b"Proxy-Authorization: Basic", b"proxy-authorization: basic"
        ):
            return None
        return '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"'


class SocksProxy(ConnectProxy):
    """The same in SOCKS 5 (RFC 1928), with user and password (RFC 1929)."""

    def _wanted(self, client: socket.socket) -> str | None:
        offered = client.recv(257)[2:]
        way = 0 if self.credentials is None else 2
        if way not in offered:
            client.sendall(b"\x05\xff")
            return None
        client.sendall(bytes([5, way]))
        if self.credentials is not None and not self._knows(client):
            return None
        asked = client.recv(262)
        assert asked[:4] == b"\x05\x01\x00\x01", "an address of IPv4"
        return f"{socket.inet_ntoa(asked[4:8])}:{int.from_bytes(asked[8:10])}"

    def _knows(self, client: socket.socket) -> bool:
        said = client.recv(513)
        user = said[2 : 2 + said[1]]
        password = said[3 + len(user) :]
        known = f"{user.decode()}:{password.decode()}" == self.credentials
        client.sendall(bytes([1, not known]))
        return known

    def _accept(self, client: socket.socket) -> None:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))

    def _refuse(self, client: socket.socket, answer: str) -> None:
        client.sendall(b"\x05\x05\x00\x01" + bytes(6))  # connection refused


def _pass_on(reader: socket.socket, writer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := reader.recv(65536):
            writer.sendall(said)
        writer.shutdown(socket.SHUT_WR)
