"""How libcurl says that no answer came."""

from __future__ import annotations

import pycurl

UNTRUSTED = frozenset(
    getattr(pycurl, name)
    for name in (
        "E_PEER_FAILED_VERIFICATION",
        "E_SSL_CACERT_BADFILE",
        "E_SSL_CERTPROBLEM",
        "E_SSL_ISSUER_ERROR",
        "E_SSL_ENGINE_INITFAILED",
    )
    if hasattr(pycurl, name)
)

# How a push ends whose connection had been cut, often while it was idle and nobody looked.
CUT = frozenset((pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_HTTP2))

# CURLEHTTP2_STREAM, for which pycurl has no name: one stream was reset.
HTTP2_STREAM = 92


def meaning(error: int) -> str:
    """libcurl's own text may quote the URL, and with it the token: only the code's name."""
    if error == HTTP2_STREAM:
        return "http2 stream"
    names = [
        name
        for name in dir(pycurl)
        # Codes of another kind, and earlier names of codes that are used for other things now.
        if name.startswith("E_") and not name.startswith(("E_MULTI_", "E_FTP_"))
        if getattr(pycurl, name) == error
    ]
    return names[0].removeprefix("E_").lower().replace("_", " ") if names else "failed"
