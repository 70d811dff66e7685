"""How Apple is reached, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsSettings:
    """How Apple knows us, and where it is."""

    key: str = field(repr=False)
    """The signing key, as PEM text."""
    key_id: str
    team_id: str
    bundle_id: str
    environment: str
    """``production``, ``sandbox``, or ``auto``: of both."""
    server: str | None
    """Of both environments; ``None``: Apple's, or as ``servers`` says."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """By environment, where they are named so."""
    ca: str | None
    proxy: str | None = field(repr=False)
    """Its URL may hold a password; ``""``: none; ``None``: as the environment says."""
    connections: int
