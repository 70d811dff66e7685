"""Who may use the page: a browser on this machine that has opened it itself.

The page has no log-in, and drives phones and Apple. So that a web page elsewhere cannot drive them
through a developer's browser, what it sends is refused three times over: by the name it has used
for this machine (DNS rebinding), by the origin it comes from, and by a content type that no form
can send. A reverse proxy on this machine would publish the page to all who reach the proxy: what
one has passed on is refused, whatever name it carries.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Request

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Fetch Metadata (W3C): "none" is a person who has typed the address.
_OWN_SITES = ("same-origin", "none")
# What a proxy adds (RFC 7239, RFC 9110 7.6.3, and the usage before them), as WSGI spells it.
_PROXIED = re.compile(r"HTTP_(X_FORWARDED.*|FORWARDED.*|VIA|X_REAL_IP)")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def refusal(request: Request) -> tuple[int, str] | None:
    """A status and a sentence, or ``None`` where the request may pass."""
    if any(map(_PROXIED.fullmatch, request.environ)):
        return 403, (
            "The simulator is for this machine only, and this request has come through a proxy: "
            "ask the app itself, at its own port."
        )
    if not _is_this_machine(request):
        return 403, (
            "The simulator is for this machine only: open it as http://localhost or "
            "http://127.0.0.1. To use it from outside, as of a container, list the name that the "
            "browser uses in TRUSTED_HOSTS."
        )
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    if not _is_own_page(request):
        return 403, "The simulator takes this from its own page only."
    if request.mimetype != "application/json":
        return 415, "Send JSON, with Content-Type: application/json."
    return None


def _is_this_machine(request: Request) -> bool:
    if request.trusted_hosts:  # Flask has refused all others
        return True
    name = urlsplit(f"//{request.host}").hostname or ""
    named = name in _LOOPBACK or name.endswith(".localhost")
    return named and _is_loopback(request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    """A server that listens at a socket file gives no address, or an empty one."""
    if not address:
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _is_own_page(request: Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
