"""Who is calling: the host's JWT settings, without the host's answers to their failures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_jwt_extended import get_jwt_identity, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from flask_allmine_liveactivity.blueprint.envelope import failure
from flask_allmine_liveactivity.blueprint.schema import is_text
from flask_allmine_liveactivity.errors import ConfigurationError

logger = logging.getLogger(__name__)

LONGEST_USER_ID = 255


def require_jwt_manager() -> None:
    """Raise ``ConfigurationError`` where the host has not set up Flask-JWT-Extended."""
    if "flask-jwt-extended" not in current_app.extensions:
        raise ConfigurationError(
            "Live Activity sessions are registered with a JWT, and this app has no JWTManager: "
            "call JWTManager(app), with JWT_SECRET_KEY set (Flask-JWT-Extended)."
        )


def authenticated_user_id(loader: Callable[[dict[str, Any]], object] | None) -> str:
    """The user that the request's access token speaks for.

    Args:
        loader: The host's, from the token's claims; ``None``: the token's subject.

    Raises:
        HTTPException: 401 where the token is missing, malformed, expired, revoked, not an access
            token or
            without a user; 503 where the host's block list or user look-up failed.
    """
    claims = _verified_claims()
    return _storable(get_jwt_identity() if loader is None else loader(claims))


def _verified_claims() -> dict[str, Any]:
    require_jwt_manager()
    try:
        # Only the header: a host that keeps its tokens in cookies would refuse a Bearer token.
        verified = verify_jwt_in_request(locations="headers")
    except (JWTExtendedException, PyJWTError, UnicodeError, RecursionError) as error:
        logger.debug("Live Activity request refused: %s", type(error).__name__)
        raise failure(401) from None
    except Exception as error:
        logger.exception("Live Activity: the host's check of the JWT failed")
        raise failure(503) from error
    if verified is None:
        raise failure(401)
    claims: dict[str, Any] = verified[1]
    return claims


def _storable(user_id: object) -> str:
    text = "" if user_id is None or isinstance(user_id, bool) else str(user_id)
    if not text or len(text) > LONGEST_USER_ID or not is_text(text):
        raise failure(401)
    return text
