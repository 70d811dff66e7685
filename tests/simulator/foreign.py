"""Clients that others wrote: each sends requests one after the other over one connection."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
from nodejs import require_node
from services import require

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import PAYLOAD, TOKEN

CLIENTS = Path(__file__).parent / "clients"
CURL_REMEDY = "Install a curl that speaks HTTP/2 (Debian: apt-get install curl)."
TIMEOUT = 60

Outcome: TypeAlias = tuple[int, str | None]
"""Status and reason; status 0 where there was no answer."""


@dataclass(frozen=True)
class Wish:
    """A request to be sent."""

    headers: tuple[tuple[str, str], ...]
    path: str = f"/3/device/{TOKEN}"
    method: str = "POST"
    body: bytes = json.dumps(PAYLOAD).encode()

    def but(self, **changes: Any) -> Wish:
        """This one, with another method, path or body."""
        return replace(self, **changes)

    def with_header(self, name: str, value: str | None) -> Wish:
        """This one, with a header changed, added, or, with ``None``, left out."""
        kept = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def with_one_more(self, name: str, value: str) -> Wish:
        """This one, with a header more, even if it has it already."""
        return replace(self, headers=(*self.headers, (name, value)))


def right_push(apns: LocalApns) -> Wish:
    """A push that Apple takes."""
    return Wish(
        (
            ("authorization", f"bearer {apns.key.provider_token()}"),
            ("apns-push-type", "liveactivity"),
            ("apns-topic", f"{apns.bundle_id}.push-type.liveactivity"),
            ("apns-priority", "10"),
            ("apns-expiration", "0"),
        )
    )


Client: TypeAlias = Callable[[LocalApns, Sequence[Wish]], list[Outcome]]


def by_httpx2(apns: LocalApns, wishes: Sequence[Wish]) -> list[Outcome]:
    """Python's httpx2."""
    outcomes: list[Outcome] = []
    verify = ssl.create_default_context(cafile=apns.ca_file)
    with httpx2.Client(http2=True, verify=verify, base_url=apns.url, timeout=5) as client:
        for wish in wishes:
            try:
                response = client.request(
                    wish.method, wish.path, headers=wish.headers, content=wish.body
                )
            except httpx2.TransportError:
                outcomes.append((0, None))
            else:
                outcomes.append((response.status_code, _reason(response.text)))
    return outcomes


def by_curl(apns: LocalApns, wishes: Sequence[Wish]) -> list[Outcome]:
    """The command curl."""
    require_curl()
    with tempfile.TemporaryDirectory() as folder:
        command = ["curl"]
        for number, wish in enumerate(wishes):
            body = Path(folder) / f"{number}.request"
            body.write_bytes(wish.body)
            command += [] if number == 0 else ["--next"]
            command += ["--silent", "--http2", "--cacert", str(apns.ca_file), "--max-time", "10"]
            command += ["--request", wish.method, "--data-binary", f"@{body}"]
            command += ["--output", f"{folder}/{number}", "--write-out", "%{http_code}\n"]
            for name, value in wish.headers:
                command += ["--header", f"{name}: {value}"]
            command.append(apns.url + wish.path)
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        statuses = [int(line) for line in done.stdout.split()]
        return [
            (status, _reason(_read(Path(folder) / str(number))))
            for number, status in enumerate(statuses)
        ]


def by_node(apns: LocalApns, wishes: Sequence[Wish]) -> list[Outcome]:
    """Node's own client, ``node:http2``."""
    require_node()
    question = {
        "url": apns.url,
        "ca": str(apns.ca_file),
        "requests": [
            {
                "method": wish.method,
                "path": wish.path,
                "headers": wish.headers,
                "body": base64.b64encode(wish.body).decode(),
            }
            for wish in wishes
        ],
    }
    done = subprocess.run(
        ["node", str(CLIENTS / "http2.mjs")],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    return [(status, _reason(body)) for status, body in json.loads(done.stdout)]


ALL: dict[str, Client] = {"httpx2": by_httpx2, "curl": by_curl, "node": by_node}


@cache
def _curl_speaks_http2() -> bool:
    if shutil.which("curl") is None:
        return False
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True)
    return "HTTP2" in version.stdout


def require_curl() -> None:
    """Go on where there is a curl that speaks HTTP/2."""
    require(_curl_speaks_http2(), "A curl that speaks HTTP/2", CURL_REMEDY)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _reason(text: str) -> str | None:
    try:
        return str(json.loads(text)["reason"])
    except (ValueError, KeyError, TypeError):
        return None
