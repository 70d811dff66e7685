"""The shape of every failure of the blueprint, and of nothing outside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from flask_allmine_liveactivity.errors import StorageUnavailable

logger = logging.getLogger(__name__)

MESSAGES = {
    400: "Validation failed",
    401: "Authentication required",
    403: "Insufficient permissions",
    404: "Resource not found",
    409: "Resource already exists or cannot be changed in its current state",
}

# What follows the message of a 409: an app that knows the first has nothing to repeat.
STREAM_HAS_ENDED = "The stream has ended: this activity is kept, and will be ended."
HELD_BY_ANOTHER_USER = "Another user holds this activity or its token."
OF_ANOTHER_STREAM = "This activity or its token belongs to another stream."

# What a raised HTTPException says in its headers and the envelope keeps.
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class Envelope(Response):
    """A response in the shape of the contract."""


def failure(status: int, details: Sequence[str] = ()) -> HTTPException:
    """A failure to raise, of the class that Flask's handlers are looked up by.

    Args:
        status: The HTTP status.
        details: Further strings behind the message, such as what is wrong with which field.
    """
    return default_exceptions[status](response=envelope(status, details))


def envelope(status: int, details: Sequence[str] = ()) -> Envelope:
    """The envelope of a failure.

    Args:
        status: The HTTP status.
        details: Further strings behind the message, such as what is wrong with which field.
    """
    body = envelope_body(status, details, datetime.now(UTC))
    return Envelope(json.dumps(body), status=status, mimetype="application/json")


def envelope_body(status: int, details: Sequence[str], now: datetime) -> dict[str, Any]:
    """What stands in the envelope, as JSON values."""
    return {
        "isSuccess": False,
        "statusCode": status,
        "data": None,
        "errors": [MESSAGES.get(status) or HTTP_STATUS_CODES[status], *details],
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def use_envelope(blueprint: Blueprint) -> None:
    """Put every failure inside `blueprint` into the envelope, whatever handlers the host has.

    Flask looks handlers up by code first, so each code has one. An unexpected exception is raised
    again, so that Flask signals and logs it as ever, and comes back here as a 500.
    """
    for code in default_exceptions:
        blueprint.register_error_handler(code, _on_http_exception)
    blueprint.register_error_handler(StorageUnavailable, _on_storage_unavailable)
    blueprint.register_error_handler(Exception, _raise_again)


def refuse_other_methods(path: str) -> Response | None:
    """The answer to a method that nobody takes at `path`; ``None`` for all other requests.

    Flask fails to route it before it knows of a blueprint. To take all methods would be easier, and
    would stand in the way of a host that has something of its own at the same path.
    """
    error = request.routing_exception
    if isinstance(error, MethodNotAllowed) and request.path == path:
        return _on_http_exception(error)
    return None


def _on_http_exception(error: HTTPException) -> Response:
    answer = error.response
    response = answer if isinstance(answer, Envelope) else envelope(error.code or 500)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    if error.code == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def _on_storage_unavailable(error: StorageUnavailable) -> Response:
    logger.error("A Live Activity request failed: %s", error)
    return envelope(503)


def _raise_again(error: Exception) -> Response:
    raise error
