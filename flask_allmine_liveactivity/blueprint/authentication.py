"""Who is calling: the host's JWT settings, without the host's answers to their failures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from flask_jwt_extended import get_jwt_identity, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWKClientError, PyJWKSetError, PyJWTError

from flask_allmine_liveactivity.app.jwt_manager import require_jwt_manager
from flask_allmine_liveactivity.blueprint.envelope import failure
from flask_allmine_liveactivity.blueprint.schema import is_text
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model.canonical import canonical_user_id

logger = logging.getLogger(__name__)

LONGEST_USER_ID = 255

# Whatever network is underneath says so by an OSError.
_WITHOUT_KEYS = (PyJWKClientError, PyJWKSetError, OSError)


def authenticated_user_id(loader: Callable[[dict[str, Any]], object] | None) -> str:
    """The user that the request's access token speaks for.

    Args:
        loader: The host's, from the token's claims; ``None``: the token's subject.

    Raises:
        HTTPException: 401 where the token is missing, malformed, expired, revoked, not an access
            token or without a user; 503 where the host's block list, its user look-up or its keys
            could not be asked.
        ConfigurationError: What should be the user's id is a dictionary, a list, ...
    """
    claims = _verified_claims()
    return _storable(get_jwt_identity() if loader is None else loader(claims))


def _verified_claims() -> dict[str, Any]:
    require_jwt_manager()
    try:
        # Only the header: a host that keeps its tokens in cookies would refuse a Bearer token.
        verified = verify_jwt_in_request(locations="headers")
    except (JWTExtendedException, PyJWTError, UnicodeError, RecursionError) as error:
        if _is_about_the_keys(error):
            # Its text may quote the URL that the keys are at, and that a password.
            logger.error(
                "Live Activity: the keys that verify a JWT could not be had (%s): the request is "
                "answered with 503. See whether the URL of the JWKS can be reached from here.",
                " from ".join(type(each).__name__ for each in _chain(error)),
            )
            raise failure(503) from None
        logger.debug("Live Activity request refused: %s", type(error).__name__)
        raise failure(401) from None
    except Exception as error:
        logger.exception("Live Activity: the host's check of the JWT failed")
        raise failure(503) from error
    if verified is None:
        raise failure(401)
    claims: dict[str, Any] = verified[1]
    return claims


def _is_about_the_keys(error: BaseException) -> bool:
    """Whether a token could not be verified for want of a key, through no fault of its own."""
    if isinstance(error, PyJWKClientError) and "Unable to find a signing key" in str(error):
        return False
    return any(isinstance(each, _WITHOUT_KEYS) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came of, as a traceback shows them."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _storable(user_id: object) -> str:
    if user_id is None:
        raise failure(401)
    try:
        text = canonical_user_id(user_id)
    except (TypeError, ValueError) as error:
        # Not a 401: nobody could ever register, and the phones would only log in again.
        raise ConfigurationError(
            f"Live Activity sessions belong to a user: {error}. Say which part of the token is the "
            "user's id with @live_activity.user_id_loader."
        ) from None
    if not text or len(text) > LONGEST_USER_ID or not is_text(text):
        raise failure(401)
    return text
