"""The signing keys of developer accounts, as Apple's developer site hands them out.

Source: Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A ``.p8`` key of a team: P-256, for ES256."""

    key_id: str
    """Its ten characters."""
    team_id: str
    """The ten characters of the team."""
    private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    apps: frozenset[str] = frozenset()
    """The bundle ids of the apps that it may push to."""
    environment: str | None = None
    """``sandbox`` or ``production``; ``None``: for both."""

    @property
    def pem(self) -> str:
        """The text of the ``.p8`` file."""
        return to_pem(self.private)

    def provider_token(self, issued_at: float | None = None) -> str:
        """A provider token, for ``authorization: bearer ...``: good for an hour.

        Args:
            issued_at: Seconds since the epoch; without it, now.
        """
        claims = {"iss": self.team_id, "iat": int(time.time() if issued_at is None else issued_at)}
        return jwt.encode(claims, self.private, "ES256", {"kid": self.key_id})


class Keys:
    """The keys that are good at present, by their ids. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, SigningKey] = {}

    def add(self, key: SigningKey) -> None:
        """Take a new key.

        Raises:
            ValueError: There is one with this id.
        """
        with self._lock:
            if key.key_id in self._keys:
                raise ValueError(f"There is a key with the id {key.key_id!r} already.")
            self._keys[key.key_id] = key

    def get(self, key_id: str) -> SigningKey | None:
        """The key with this id."""
        with self._lock:
            return self._keys.get(key_id)

    def revoke(self, key_id: str) -> None:
        """Forget a key, if it is known: its provider tokens are no longer good."""
        with self._lock:
            self._keys.pop(key_id, None)


def make_signing_key() -> ec.EllipticCurvePrivateKey:
    """A key such as Apple's developer site hands out: P-256, for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The text of a ``.p8`` file."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def read_signing_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a ``.p8`` file.

    Raises:
        ValueError: There is another kind of key in it.
    """
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file} is not an EC key: remove it, and a right one is made.")
    return key
