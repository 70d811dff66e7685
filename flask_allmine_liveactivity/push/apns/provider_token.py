"""The JWT by which Apple knows us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flask_allmine_liveactivity.errors import ConfigurationError

# Apple, "Establishing a token-based connection to APNs": refresh no more than once every 20
# minutes and no less than once every 60.
RENEW_AFTER = 45 * 60
YOUNGEST_RENEWAL = 20 * 60


def read_signing_key(pem: str) -> EllipticCurvePrivateKey:
    """The private key in the text of a ``.p8`` file.

    Raises:
        ConfigurationError: It is none that Apple hands out.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):  # their messages may quote the key
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_KEY is not a private key in PEM form. Give the path of the .p8 "
            "file that Apple offers for download, or its text."
        ) from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_KEY is not an EC P-256 key, and Apple's .p8 keys are. "
            "A key of a certificate cannot push to Live Activities."
        )
    return key


class ProviderToken:
    """One provider token for all threads, renewed in time and never too often.

    Args:
        key: The signing key.
        key_id: Its ten-character id.
        team_id: The team's ten-character id.
        clock: The time; Apple judges the token's age by the wall clock.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        key_id: str,
        team_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._issued_at = 0.0

    def current(self) -> str:
        """The token to send."""
        with self._lock:
            # A clock that was set back makes the age negative, and the token one of the future.
            if not self._token or not 0 <= self._age() < RENEW_AFTER:
                self._renew()
            return self._token

    def after_expiry(self, refused: str) -> str | None:
        """The token to send again with after ``ExpiredProviderToken`` for `refused`.

        ``None`` where there is none: `refused` is too young to be renewed, so that not its age
        is at fault but a clock.
        """
        with self._lock:
            if refused == self._token:
                if self._age() < YOUNGEST_RENEWAL:
                    return None
                self._renew()
            return self._token

    def _age(self) -> float:
        return self._clock() - self._issued_at

    def _renew(self) -> None:
        self._issued_at = self._clock()
        self._token = jwt.encode(
            {"iss": self._team_id, "iat": int(self._issued_at)},
            self._key,
            algorithm="ES256",
            headers={"kid": self._key_id},
        )
