"""A local HTTP/2 sink over TLS: nginx, which answers 200 to all, on a core of its own."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000; keepalive_timeout 3600; http2_max_concurrent_streams {streams};
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ add_header apns-id $http_apns_id; return 200; }}
  }}
}}
"""


class Sink:
    """Where the sink listens, and what to trust."""

    def __init__(self, port: int, ca: str) -> None:
        self.port = port
        self.ca = ca
        self.url = f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def sink(core: int | None = None, streams: int = 1000) -> Iterator[Sink]:
    """Run nginx until the block ends, with room for so many streams on a connection.

    Raises:
        SystemExit: nginx is not installed.
    """
    if shutil.which("nginx") is None:
        raise SystemExit("The benchmarks need nginx as a sink: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        _certificate(Path(folder))
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, streams=streams))
        server = subprocess.Popen(
            ["nginx", "-c", str(configuration), "-p", folder],
            stderr=subprocess.DEVNULL,
            preexec_fn=pinned(core),
        )
        try:
            wait_for(port)
            yield Sink(port, f"{folder}/certificate.pem")
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: int | None) -> Callable[[], None] | None:
    """What a new process does to stay on one core."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise SystemExit(f"nobody listens at {port}")


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    Path(folder, "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    Path(folder, "certificate.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
    )
