"""Provider tokens, checked as Apple does.

Source: Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.utils import base64url_decode, base64url_encode

from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.keys import Keys, SigningKey
from flask_allmine_liveactivity.simulator.reasons import Refusal
from flask_allmine_liveactivity.simulator.token_updates import TokenUpdates

LONGEST_AGE = 3600
# Two clocks are never the same; a minute is forgiven, an hour (a time zone) is not.
CLOCK_SKEW = 60
_FORM = (
    "It must be a JWT with alg (ES256) and kid in its header, iss (the team) and iat (seconds) in "
    "its claims, signed with that key."
)
# Apple takes an iat that is a JSON string, too, as far as the users of a client that sends one can
# tell (kalyke).
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_RAW_SIGNATURE = 64


@dataclass(frozen=True, slots=True)
class _Reading:
    """What does not change of a provider token while it ages."""

    key_id: str | None = None
    issued_at: int = 0
    fault: str | None = None


class ProviderTokens:
    """Checks provider tokens.

    A signature is verified once for each token: senders use one for thousands of pushes.

    Args:
        keys: The keys of all developer accounts.
        environment: ``sandbox`` or ``production``.
        updates: What counts how often they are renewed.
    """

    def __init__(self, keys: Keys, environment: str, updates: TokenUpdates) -> None:
        self._keys = keys
        self._environment = environment
        self._updates = updates
        self._read_once = lru_cache(maxsize=64)(self._read)

    def check(
        self, authorization: str | None, connection: Connection, now: float
    ) -> Refusal | SigningKey:
        """Check an ``authorization`` header, and bind the connection to its key.

        Args:
            authorization: The header, or ``None``.
            connection: Where it came.
            now: Seconds since the epoch.

        Returns:
            The key it was made with; a refusal where it is not good.
        """
        token = bearer(authorization)
        if token is None:
            return Refusal(
                "MissingProviderToken",
                "the authorization header must be 'bearer <provider token>', and is missing or "
                "another one. Live Activities cannot be pushed with a client certificate.",
            )
        unverified = _key_id_of(token)
        key = None if unverified is None else self._keys.get(unverified)
        reading = self._read_once(token, key)
        bound = connection.key
        if bound is not None and reading.key_id not in (None, bound.key_id):
            return Refusal(
                "UnrelatedKeyIdInToken",
                f"this connection is bound to the key {bound.key_id!r}, and the provider token "
                f"names {reading.key_id!r}: another key must have a connection of its own.",
            )
        if reading.fault is not None or key is None:
            fault = reading.fault or "the key of the provider token is not known."
            return Refusal("InvalidProviderToken", f"{fault} {_FORM}")
        refusal = (
            _check_age(now - reading.issued_at)
            or self._check_environment(key)
            or self._updates.check_connection(connection, reading.issued_at)
            or self._updates.check(key, reading.issued_at)
        )
        if refusal is not None:
            return refusal
        connection.key = key
        newest = connection.provider_token_made_at
        connection.provider_token_made_at = max(newest or 0, reading.issued_at)
        return key

    def _check_environment(self, key: SigningKey) -> Refusal | None:
        if key.environment in (None, self._environment):
            return None
        return Refusal(
            "BadEnvironmentKeyIdInToken",
            f"the key {key.key_id!r} is for {key.environment} only, and this is the "
            f"{self._environment} environment: use a key that is for it, or for both.",
        )

    def _read(self, token: str, key: SigningKey | None) -> _Reading:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            return _Reading(fault=f"the provider token is not a JWT ({error}).")
        key_id, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(key_id, str):
            return _Reading(fault="the provider token's header has no kid: the id of the key.")
        if algorithm != "ES256":
            return _Reading(key_id, fault=f"the provider token's alg is {algorithm!r}, not ES256.")
        if key is None:
            return _Reading(
                key_id, fault=f"the provider token's kid is {key_id!r}, and there is no such key."
            )
        try:
            signed = _with_raw_signature(token)
            claims = json.loads(jwt.PyJWS().decode(signed, key.private.public_key(), ["ES256"]))
        except (jwt.PyJWTError, ValueError):
            return _Reading(key_id, fault="the provider token is not signed with this key.")
        return _read_claims(key, claims)


def bearer(authorization: str | None) -> str | None:
    """The provider token in an ``authorization`` header, or ``None``."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


@lru_cache(maxsize=64)
def _key_id_of(token: str) -> str | None:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError:
        return None
    return key_id if isinstance(key_id, str) else None


def _read_claims(key: SigningKey, claims: object) -> _Reading:
    if not isinstance(claims, dict):
        return _Reading(key.key_id, fault="the provider token's claims are not a JSON object.")
    team_id, issued_at = claims.get("iss"), claims.get("iat")
    if team_id != key.team_id:
        return _Reading(
            key.key_id, fault=f"the provider token's iss is {team_id!r}, not {key.team_id!r}."
        )
    seconds = _seconds(issued_at)
    if seconds is None:
        return _Reading(
            key.key_id, fault="the provider token's iat is not seconds since the epoch."
        )
    return _Reading(key.key_id, seconds)


def _seconds(issued_at: object) -> int | None:
    if isinstance(issued_at, str) and _SECONDS.fullmatch(issued_at):
        return int(float(issued_at))
    # A bool is an int, too; and what has more digits is no time that could be reckoned with.
    # Fractions pass: a NumericDate may have them (RFC 7519, section 2), and clients send them.
    if not isinstance(issued_at, int | float) or isinstance(issued_at, bool):
        return None
    return int(issued_at) if 0 <= issued_at < 10**15 else None


def _with_raw_signature(token: str) -> str:
    """The token with the signature that JWT asks for: two numbers, one after the other.

    Apple takes the ASN.1 form (DER) too, as far as the users of a client that sends it can tell
    (Pushy, since 2016). What is neither is left as it is, and will not be good.
    """
    signed, _, signature = token.rpartition(".")
    half = _RAW_SIGNATURE // 2
    try:
        der = base64url_decode(signature)
        if len(der) == _RAW_SIGNATURE:
            return token
        raw = b"".join(number.to_bytes(half, "big") for number in decode_dss_signature(der))
    except (ValueError, OverflowError):
        return token
    return f"{signed}.{base64url_encode(raw).decode()}"


def _check_age(age: float) -> Refusal | None:
    if age > LONGEST_AGE:
        return Refusal(
            "ExpiredProviderToken",
            f"the provider token was made {age:.0f} s ago, and must be renewed within "
            f"{LONGEST_AGE} s.",
        )
    if age < -CLOCK_SKEW:
        return Refusal(
            "InvalidProviderToken",
            f"the provider token's iat is {-age:.0f} s ahead: it must be seconds since the epoch, "
            "by a right clock.",
        )
    return None
