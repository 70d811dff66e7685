"""Where pushes go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where pushes go, and as what."""

    url: str
    """Without a path: ``https://api.push.apple.com``."""
    topic: str
    ca: str | None = None
    """A file of certificates to trust instead of the system's."""
    proxy: str | None = field(default=None, repr=False)
    """The URL of a proxy on the way, with its password if it has one; ``""``: none; ``None``: as
    the environment says (``https_proxy``, ``no_proxy``)."""
    environment: str | None = None
    """Apple's, for the results."""
