"""The answers of the endpoint: what each status means, and an example made by the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask_allmine_liveactivity.blueprint.body import LARGEST_BODY
from flask_allmine_liveactivity.blueprint.envelope import (
    HELD_BY_ANOTHER_USER,
    MESSAGES,
    OF_ANOTHER_STREAM,
    STREAM_HAS_ENDED,
    envelope_body,
)

# That of the contract's example.
_WHEN = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)

REGISTERED_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "The activity is registered and will be told when its stream is over.",
    "properties": {"success": {"const": True}},
    "required": ["success"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Failing:
    """One status that is not a success."""

    when: str
    details: tuple[str, ...] = ()
    """What follows the message, in the example."""


FAILURES: Mapping[int, Failing] = {
    400: Failing(
        "The body is missing, not JSON or not an object; or a field is missing, empty, too long or "
        "of a bad form. What is wrong with which field follows the message.",
        ("liveActivityToken: Missing data for required field.",),
    ),
    401: Failing(
        "There is no `Authorization: Bearer` header, or its token is malformed, expired, revoked, "
        "a refresh token or without a subject. Log in again."
    ),
    403: Failing("This user may not follow this stream."),
    404: Failing("There is no such stream."),
    409: Failing(
        "The second string says which: the stream is over, and the activity is kept and gets its "
        "end push at once (a success, as far as the app goes); or another user holds this token or "
        "activity; or it belongs to another stream. There is nothing to repeat.",
        (STREAM_HAS_ENDED,),
    ),
    413: Failing(f"The body is larger than {LARGEST_BODY // 1024} KiB."),
    415: Failing("The body is not sent as JSON."),
    429: Failing("This user has too many sessions, or sends too many requests. Try again later."),
    500: Failing("Something is wrong with the server. Try again later."),
    503: Failing("The storage does not answer. Nothing was kept: try again in a few seconds."),
}


def example(status: int) -> dict[str, Any]:
    """The envelope of a failure, as the endpoint would make it."""
    return envelope_body(status, FAILURES[status].details, _WHEN)


def failure_schema() -> dict[str, Any]:
    """Every failure has this shape."""
    return {
        "type": "object",
        "description": "Every failure has this shape.",
        "properties": {
            "isSuccess": {"const": False},
            "statusCode": {
                "type": "integer",
                "description": "The HTTP status once more.",
                "enum": list(FAILURES),
            },
            "data": {"type": "null"},
            "errors": {
                "type": "array",
                "description": "What has happened, then what is wrong with which field.",
                "items": {"type": "string"},
                "minItems": 1,
            },
            "timestamp": {
                "type": "string",
                "description": "The server's time, UTC, with milliseconds.",
                "format": "date-time",
            },
        },
        "required": ["isSuccess", "statusCode", "data", "errors", "timestamp"],
        "additionalProperties": False,
    }


def conflict_schema() -> dict[str, Any]:
    """A failure whose second string is one of three; a host's own 409 has none."""
    schema = failure_schema()
    schema["description"] = "A 409, which says what is in the way."
    schema["properties"]["statusCode"] = {"const": 409}
    schema["properties"]["errors"] = {
        "type": "array",
        "description": "What has happened, then which of the three it is.",
        "items": {
            "enum": [MESSAGES[409], STREAM_HAS_ENDED, HELD_BY_ANOTHER_USER, OF_ANOTHER_STREAM]
        },
        "minItems": 1,
        "maxItems": 2,
    }
    return schema
