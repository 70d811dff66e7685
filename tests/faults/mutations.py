"""Requests that no client would send on purpose: each is made of a good one, by its number."""

from __future__ import annotations

import json
import random
import re

PATH = "/api/v1/notifications/live-activity-sessions"
# Each piece of it is found again, however much of it is gone.
TOKEN = "".join(f"{number * 7919 % 65536:04x}" for number in range(1, 41))
PIECE = 12
BODY = json.dumps(
    {
        "streamId": "65f000000000000000000001",
        "deviceId": "iphone-15-pro-max",
        "liveActivityToken": TOKEN,
        "activityId": "live-activity-123",
    }
).encode()

_BODIES = (
    BODY.replace(b'"streamId"', b'"liveActivityToken": NaN, "streamId"'),
    BODY.replace(b'"live-activity-123"', b"1" * 5000),
    BODY.replace(b'"live-activity-123"', b"-Infinity"),
    BODY.replace(b'"live-activity-123"', b"[" * 3000 + b'"' + TOKEN.encode()),
    BODY.replace(b"live-activity-123", b"\\ud800" + TOKEN.encode()),
    BODY.replace(b"live-activity-123", b"\x00" + TOKEN.encode()),
    BODY.replace(b"live-activity-123", b"\xff\xfe\xc3(" + TOKEN.encode()),
    BODY.replace(b'"activityId"', b'"liveActivityToken": "x", "liveActivityToken"'),
    b"\xef\xbb\xbf" + BODY,
    BODY.decode().encode("utf-16"),
    BODY.decode().encode("utf-32-be"),
    BODY + BODY,
    BODY[:-1],
    BODY * 80,
)
_HEADERS = (
    b"Content-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Content-Length: 99999\r\n",
    b"Content-Length: 1\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 1_0\r\n",
    b"Content-Length: " + b"9" * 400 + b"\r\n",
    b"Content-Type: text/plain\r\n",
    b"Content-Type: application/json; charset=\xff\r\n",
    b"Expect: 100-continue\r\n",
)
_SIZES = (b"zz", b"-1", b"0x10", b"+5", b"1_0", b"", b" ", b"F" * 40, b"5;x=\r", b"fffffff", b"1")
_BYTES = (b"\x00", b"\r\n", b"\n", b"\r", b"0\r\n\r\n", b"\xff", b'"', b"{", b"\\u0000", b";", b":")


def request(number: int, access_token: str) -> bytes:
    """The `number`-th of them, always the same for one access token."""
    dice = random.Random(number)
    body = dice.choice(_BODIES) if dice.random() < 0.15 else BODY
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {access_token}\r\nContent-Type: application/json\r\n"
    ).encode()
    if dice.random() < 0.15:
        head += dice.choice(_HEADERS)
    if dice.random() < 0.3:
        head += b"Content-Length: %d\r\n" % (len(body) + dice.choice((0, 0, -9, 9, 900)))
        sent = body
    else:
        head += b"Transfer-Encoding: chunked\r\n"
        sent = _in_chunks(body, dice)
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        sent = _mutated(sent, dice)
    if dice.random() < 0.05:
        head = _mutated(head, dice)
    return head + b"\r\n" + sent


def pieces(text: str) -> list[str]:
    """Parts of the token that `text` shows."""
    return re.findall(
        "|".join(TOKEN[begin : begin + PIECE] for begin in range(len(TOKEN) - PIECE + 1)),
        text.lower(),
    )


def _in_chunks(body: bytes, dice: random.Random) -> bytes:
    chunks = bytearray()
    while body:
        size = dice.randint(1, len(body))
        said = dice.choice(_SIZES) if dice.random() < 0.1 else b"%x" % size
        chunks += said + b"\r\n" + body[:size] + (b"" if dice.random() < 0.05 else b"\r\n")
        body = body[size:]
    return bytes(chunks + b"0\r\n\r\n")


def _mutated(sent: bytes, dice: random.Random) -> bytes:
    begin = dice.randrange(len(sent) + 1)
    end = min(len(sent), begin + dice.choice((1, 1, 4, 40)))
    match dice.randrange(5):
        case 0:
            return sent[:begin] + sent[end:]
        case 1:
            return sent[:begin] + dice.choice(_BYTES) + sent[begin:]
        case 2:
            return sent[:begin] + dice.randbytes(end - begin) + sent[end:]
        case 3:
            return sent[:begin] + sent[begin:end] * 2 + sent[end:]
        case _:
            return sent[:begin]
