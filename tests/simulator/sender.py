"""A foreign HTTP/2 client, and right pushes for a test to change."""

from __future__ import annotations

import json
import ssl
import time
from typing import Any

import httpx2
import jwt

from flask_allmine_liveactivity.simulator import LocalApns

TOKEN = "80" * 80
PAYLOAD = {"aps": {"timestamp": 1768471800, "event": "end"}}


def provider_token(apns: LocalApns, **changes: Any) -> str:
    """A provider token as a right sender makes it, but for what is changed."""
    claims = {"iss": apns.team_id, "iat": int(time.time())} | changes.pop("claims", {})
    headers = {"kid": apns.key_id} | changes.pop("headers", {})
    key = changes.pop("key", apns.key_pem)
    return jwt.encode(claims, key, changes.pop("algorithm", "ES256"), headers)


class Sender:
    """Sends pushes that are right, but for what a test changes."""

    def __init__(self, apns: LocalApns) -> None:
        self.apns = apns
        self.token = provider_token(apns)
        self.client = httpx2.Client(
            http2=True,
            verify=ssl.create_default_context(cafile=apns.ca_file),
            base_url=apns.url,
            timeout=5.0,
        )

    def headers(self, **changes: str | None) -> dict[str, str]:
        """The headers of a right push; a change to ``None`` leaves one out."""
        headers: dict[str, str | None] = {
            "authorization": f"bearer {self.token}",
            "apns-push-type": "liveactivity",
            "apns-topic": f"{self.apns.bundle_id}.push-type.liveactivity",
            "apns-priority": "10",
            "apns-expiration": str(int(time.time()) + 3600),
        }
        for name, value in changes.items():
            headers[name.replace("_", "-")] = value
        return {name: value for name, value in headers.items() if value is not None}

    def push(
        self,
        token: str = TOKEN,
        *,
        path: str | None = None,
        method: str = "POST",
        body: bytes | None = None,
        aps: dict[str, Any] | None = None,
        timeout: float = 5.0,
        **headers: str | None,
    ) -> httpx2.Response:
        """Send one; ``body`` as it is, or ``aps`` as the payload's dictionary."""
        if body is None:
            body = json.dumps(PAYLOAD if aps is None else {"aps": aps}).encode()
        return self.client.request(
            method,
            path if path is not None else f"/3/device/{token}",
            content=body,
            headers=self.headers(**headers),
            timeout=timeout,
        )
