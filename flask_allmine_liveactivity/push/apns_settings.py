"""How Apple is reached, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsSettings:
    """How Apple knows us, and where it is."""

    key: str = field(repr=False)
    """The signing key, as PEM text."""
    key_id: str
    team_id: str
    bundle_id: str
    environment: str
    server: str | None
    ca: str | None
    proxy: str | None = field(repr=False)
    """Its URL may hold a password; ``""``: none; ``None``: as the environment says."""
    connections: int
