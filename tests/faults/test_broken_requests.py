"""Broken requests, on raw sockets to a real gunicorn: no 500, and nothing of a body in any log."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import jwt
import pytest
import services

from .audience import until
from .crowds import free_port, sqlite_in
from .host import JWT_SECRET
from .mutations import BODY, PATH, TOKEN, pieces, request
from .processes import process

MUTATIONS = 3000
PHONES = 8


@pytest.fixture(scope="module")
def access_token() -> str:
    claims = {"sub": "ada", "type": "access", "fresh": False, "jti": "an-id", "exp": 9_999_999_999}
    return jwt.encode(claims, JWT_SECRET, algorithm="HS256")


@contextlib.contextmanager
def gunicorn(folder: Path, output: Path, *arguments: str) -> Iterator[int]:
    """The port of a gunicorn whose host logs at every level."""
    port = free_port()
    config = {
        "LIVE_ACTIVITY_STORAGE_URI": sqlite_in(folder),
        "LIVE_ACTIVITY_DELIVERY": "worker",
        "LIVE_ACTIVITY_PUSH": "memory",
    }
    with process(
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket",
        *arguments, "faults.hosts:make_talkative_host()", config=config, output=output,
    ):  # fmt: skip
        assert until(lambda: services.listens(port), 60), output.read_text()
        yield port


def answer(port: int, sent: bytes) -> bytes:
    """What is answered to these bytes; nothing, where the server only closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        with contextlib.suppress(OSError):  # the server may have heard enough
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        answered = bytearray()
        with contextlib.suppress(ConnectionError):
            while received := client.recv(65536):
                answered += received
        return bytes(answered)


def status(answered: bytes) -> int:
    return int(answered.split(b" ", 2)[1]) if answered.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "arguments", [["-k", "gthread", "--threads", "8"], ["-k", "sync"]], ids=["gthread", "sync"]
)
def test_no_mutation_is_a_500_or_shows_a_token_in_the_log(
    tmp_path: Path, access_token: str, arguments: list[str]
) -> None:
    output = tmp_path / "output"
    with gunicorn(tmp_path, output, *arguments) as port, ThreadPoolExecutor(PHONES) as phones:
        requests = [request(number, access_token) for number in range(MUTATIONS)]
        answers = list(phones.map(partial(answer, port), requests))
        good = answer(port, _good(access_token))
    statuses = Counter(map(status, answers))
    failed = [number for number, each in enumerate(answers) if status(each) >= 500]
    # 501 is gunicorn's own word for a transfer coding that it does not know.
    failed = [number for number in failed if status(answers[number]) != 501]
    log = output.read_text(errors="replace")
    assert not failed, f"{statuses}: {failed[:9]}\n{log[-3000:]}"
    assert pieces(log) == []
    # gunicorn itself quotes a header that is none, before any app has seen the request.
    ours = [line for line in log.splitlines() if "Invalid request from ip=" not in line]
    assert access_token[-20:] not in "\n".join(ours)
    assert "Traceback" not in log
    assert status(good) == 200
    assert statuses[200] > 100 < statuses[400]
    assert sum(b'"isSuccess": false' in each for each in answers) > 500


def _good(access_token: str) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {access_token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


@pytest.mark.parametrize(
    "chunk",
    [
        f"{TOKEN}\r\n",
        f"5\r\n{TOKEN}\r\n",
        f"{len(TOKEN):x}\r\n{TOKEN}",
        f"{len(TOKEN) + 9:x}\r\n{TOKEN}",
        f"5;{TOKEN}\x01\r\n12345\r\n",
    ],
    ids=["no size", "too short", "no end of it", "cut off", "an extension that is none"],
)
def test_a_broken_chunk_is_a_400_in_the_envelope(
    tmp_path: Path, access_token: str, chunk: str
) -> None:
    output = tmp_path / "output"
    head = _good(access_token).partition(b"Content-Length")[0]
    with gunicorn(tmp_path, output) as port:
        answered = answer(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk.encode())
    assert status(answered) == 400
    assert b'"Validation failed", "body: ' in answered
    assert pieces(output.read_text(errors="replace")) == []
