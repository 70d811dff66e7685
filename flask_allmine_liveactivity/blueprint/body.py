"""A request's body as a JSON object, read only as far as it may be."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from flask_allmine_liveactivity.blueprint.envelope import failure

# A registration has a few hundred bytes.
LARGEST_BODY = 16 * 1024


def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        RequestEntityTooLarge: Over 16 KiB; refused unread where its length is given.
        UnsupportedMediaType: The content type says that it is something else.
        HTTPException: 400 where it is missing, not JSON or not an object.
    """
    if (request.content_length or 0) > LARGEST_BODY:
        raise RequestEntityTooLarge
    # One byte more: Werkzeug cuts a body without a length off at the limit and says nothing.
    request.max_content_length = LARGEST_BODY + 1
    body = request.get_data()
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


def _refuse(constant: str) -> NoReturn:
    """``NaN`` and ``Infinity``: Python reads them, and JSON has no such thing."""
    raise ValueError(constant)
