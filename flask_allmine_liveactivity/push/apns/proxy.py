"""A proxy on the way to Apple: HTTP with CONNECT, or SOCKS."""

from __future__ import annotations

from typing import NamedTuple

import pycurl

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.answers import AT_PROXY

# CURLE_PROXY, for which pycurl has no name: a SOCKS proxy has refused.
_E_PROXY = 97
# What a SOCKS proxy says of a refusal (CURLINFO_PROXY_ERROR) where a person has to mend something:
# user or password are missing, wrong or too long, or the proxy's rules do not allow it.
_FORBIDDEN_BY_SOCKS = frozenset((10, 11, 12, 23, 33))
# How it ends where a proxy takes a connection, and opens no way to Apple on it.
_UNOPENED = frozenset(
    (
        pycurl.E_OPERATION_TIMEDOUT,
        pycurl.E_SEND_ERROR,
        pycurl.E_RECV_ERROR,
        pycurl.E_GOT_NOTHING,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_FTP_WEIRD_SERVER_REPLY,  # of every protocol
    )
)
# Answers to CONNECT that are no fault of ours, although they are 4xx: too slow, too many.
_PASSING = frozenset((408, 425, 429))


class Failure(NamedTuple):
    """How a push has ended at the proxy, without having reached Apple."""

    verdict: Verdict
    reason: str


def require_proxy(proxy: str | None) -> None:
    """Raise ``ConfigurationError`` where libcurl cannot go through such a proxy."""
    if proxy is None or not proxy.startswith("https:"):
        return
    if not pycurl.version_info()[4] & pycurl.VERSION_HTTPS_PROXY:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_APNS_PROXY: this libcurl ({pycurl.version}) cannot speak TLS to a "
            "proxy. Use its 'http://' address, or install a pycurl wheel, which brings its own: "
            "pip install --force-reinstall --only-binary :all: pycurl"
        )


def use_proxy(handle: pycurl.Curl, proxy: str, ca: str | None) -> None:
    """Send what `handle` sends through `proxy`, whatever the environment says of proxies."""
    handle.setopt(pycurl.PROXY, proxy)
    handle.setopt(pycurl.NOPROXY, "")
    if ca is not None and proxy.startswith("https:"):
        handle.setopt(pycurl.PROXY_CAINFO, ca)


def failure_at_proxy(handle: pycurl.Curl, error: int, meaning: str) -> Failure | None:
    """What a proxy has to do with an error of libcurl's; ``None``: nothing that is known.

    Args:
        handle: Whose transfer has failed; its proxy may be one of the environment's.
        error: libcurl's code.
        meaning: The same for people.
    """
    answered = handle.getinfo(pycurl.HTTP_CONNECTCODE)
    if answered and not 200 <= answered < 300:
        forbidden = 400 <= answered < 500 and answered not in _PASSING
        return _failure(f"HTTP {answered}", forbidden=forbidden)
    if error == _E_PROXY:
        said = handle.getinfo(pycurl.PROXY_ERROR)
        return _failure(f"SOCKS error {said}", forbidden=said in _FORBIDDEN_BY_SOCKS)
    if error == pycurl.E_COULDNT_RESOLVE_PROXY:
        return _failure(meaning, forbidden=False)
    if not handle.getinfo(pycurl.USED_PROXY):
        return None
    connecting = handle.getinfo(pycurl.NUM_CONNECTS) and not handle.getinfo(pycurl.APPCONNECT_TIME)
    unopened = error in _UNOPENED and not answered and connecting
    if error == pycurl.E_COULDNT_CONNECT or unopened:
        return _failure(meaning, forbidden=False)
    return None


def _failure(said: str, *, forbidden: bool) -> Failure:
    return Failure(Verdict.MISCONFIGURED if forbidden else Verdict.UNREACHABLE, AT_PROXY + said)
