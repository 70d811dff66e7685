"""A request's body as a JSON object, read only as far as it may be."""

from __future__ import annotations

import json
import logging
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from flask_allmine_liveactivity.blueprint.envelope import failure

logger = logging.getLogger(__name__)

# A registration has a few hundred bytes.
LARGEST_BODY = 16 * 1024


def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        RequestEntityTooLarge: Over 16 KiB; refused unread where its length is given.
        UnsupportedMediaType: The content type says that it is something else.
        HTTPException: 400 where it is missing, cut off or broken, not JSON or not an object.
    """
    if (request.content_length or 0) > LARGEST_BODY:
        raise RequestEntityTooLarge
    # One byte more: Werkzeug cuts a body without a length off at the limit and says nothing.
    request.max_content_length = LARGEST_BODY + 1
    body = _read(request)
    if len(body) > LARGEST_BODY:
        raise RequestEntityTooLarge
    if not body:
        raise failure(400, ["body: Missing."])
    if request.mimetype and not request.is_json:
        raise UnsupportedMediaType
    try:
        document = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise failure(400, ["body: Not valid JSON."]) from None
    if not isinstance(document, dict):
        raise failure(400, ["body: Not a JSON object."])
    return document


def _read(request: Request) -> bytes:
    try:
        return request.get_data()
    except Exception as error:
        if isinstance(error, HTTPException) and not isinstance(error, ClientDisconnected):
            raise
        # A size of a chunk that is none, a chunk that does not end, a connection that does: each
        # server raises something else, and some quote the body, which may hold a token.
        logger.debug("A Live Activity request's body is broken: %s", type(error).__name__)
        raise failure(400, ["body: Could not be read to its end."]) from None


def _refuse(constant: str) -> NoReturn:
    """``NaN`` and ``Infinity``: Python reads them, and JSON has no such thing."""
    raise ValueError(constant)
