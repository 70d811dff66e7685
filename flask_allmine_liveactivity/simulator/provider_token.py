"""The signing key of the local developer account, and the provider tokens made with it.

Source: Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flask_allmine_liveactivity.simulator.request import Connection
from flask_allmine_liveactivity.simulator.rules import Refusal

LONGEST_AGE = 3600
# Two clocks are never the same; a minute is forgiven, an hour (a time zone) is not.
CLOCK_SKEW = 60


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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What does not change of a provider token while it ages."""

    key_id: str | None = None
    issued_at: int = 0
    fault: str | None = None


class ProviderTokens:
    """Checks provider tokens as Apple does.

    A signature is verified once for each token: senders use one for thousands of pushes.

    Args:
        public_key: Of the one key this developer account has.
        key_id: Its id.
        team_id: The id of the team.
    """

    def __init__(self, public_key: ec.EllipticCurvePublicKey, key_id: str, team_id: str) -> None:
        self._public_key = public_key
        self._key_id = key_id
        self._team_id = team_id
        self._read_once = lru_cache(maxsize=64)(self._read)

    def check(
        self, authorization: str | None, connection: Connection, now: float
    ) -> Refusal | None:
        """Check an ``authorization`` header, and bind the connection to its key.

        Args:
            authorization: The header, or ``None``.
            connection: Where it came.
            now: Seconds since the epoch.
        """
        token = bearer(authorization)
        if token is None:
            return Refusal(
                403,
                "MissingProviderToken",
                "the authorization header is missing, or is not 'bearer <provider token>'. "
                "Live Activities cannot be pushed with a client certificate.",
            )
        reading = self._read_once(token)
        if connection.key_id is not None and reading.key_id not in (None, connection.key_id):
            return Refusal(
                403,
                "UnrelatedKeyIdInToken",
                f"this connection is bound to the key {connection.key_id!r}, and the provider "
                f"token names {reading.key_id!r}: a new key needs a new connection.",
            )
        if reading.fault is not None:
            return Refusal(403, "InvalidProviderToken", reading.fault)
        refusal = _check_age(now - reading.issued_at)
        if refusal is None:
            connection.key_id = reading.key_id
        return refusal

    def _read(self, token: str) -> _Reading:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            return _Reading(fault=f"the provider token is not a JWT: {error}")
        key_id, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(key_id, str):
            return _Reading(fault="the provider token's header has no kid: the id of the key.")
        if algorithm != "ES256":
            return _Reading(key_id, fault=f"the provider token's alg is {algorithm!r}, not ES256.")
        if key_id != self._key_id:
            return _Reading(
                key_id, fault=f"the provider token's kid is {key_id!r}, not {self._key_id!r}."
            )
        try:
            claims = json.loads(jwt.PyJWS().decode(token, self._public_key, ["ES256"]))
        except (jwt.PyJWTError, ValueError):
            return _Reading(key_id, fault="the provider token is not signed with this key.")
        return self._read_claims(key_id, claims)

    def _read_claims(self, key_id: str, claims: object) -> _Reading:
        if not isinstance(claims, dict):
            return _Reading(key_id, fault="the provider token's claims are not a JSON object.")
        team_id, issued_at = claims.get("iss"), claims.get("iat")
        if team_id != self._team_id:
            return _Reading(
                key_id, fault=f"the provider token's iss is {team_id!r}, not {self._team_id!r}."
            )
        # A bool is an int, too; and what has more digits is no time that could be reckoned with.
        # Fractions pass: a NumericDate may have them (RFC 7519, section 2), and clients send them.
        if (
            not isinstance(issued_at, int | float)
            or isinstance(issued_at, bool)
            or not 0 <= issued_at < 10**15
        ):
            return _Reading(
                key_id, fault="the provider token's iat is not seconds since the epoch."
            )
        return _Reading(key_id, int(issued_at))


def bearer(authorization: str | None) -> str | None:
    """The provider token in an ``authorization`` header, or ``None``."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _check_age(age: float) -> Refusal | None:
    if age > LONGEST_AGE:
        return Refusal(
            403,
            "ExpiredProviderToken",
            f"the provider token was made {age:.0f} s ago, and must be renewed within "
            f"{LONGEST_AGE} s.",
        )
    if age < -CLOCK_SKEW:
        return Refusal(
            403,
            "InvalidProviderToken",
            f"the provider token's iat is {-age:.0f} s ahead: it must be seconds since the epoch, "
            "by a right clock.",
        )
    return None
