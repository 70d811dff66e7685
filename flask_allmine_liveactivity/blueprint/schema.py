"""What a phone may send: the fields of the contract, bounded."""

from __future__ import annotations

import functools
import re
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates

from flask_allmine_liveactivity.app.settings import URL_SAFE
from flask_allmine_liveactivity.model.canonical import (
    LONGEST_STREAM_ID,
    canonical_stream_id,
    token_spellings,
)
from flask_allmine_liveactivity.model.environments import ENVIRONMENTS

LONGEST_ID = 255
# Apple: make no assumptions about a token's size. Some of 256 digits have been seen.
LONGEST_TOKEN = 1024


# The categories Cc and Cs of Unicode.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_NO_TEXT = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")


def is_text(value: str) -> bool:
    """Whether every database takes it: no control characters, no halves of surrogate pairs."""
    return _NO_TEXT.search(value) is None


class Bounded(validate.Length):
    """Text that is neither empty nor too long; a ``Length``, so that a description can tell.

    Args:
        most: How many characters it may have.
    """

    def __init__(self, most: int) -> None:
        super().__init__(min=1, max=most)
        self.most = most

    def __call__(self, value: Any) -> Any:
        if not value.strip():
            raise ValidationError("Must not be empty.")
        if len(value) > self.most:
            raise ValidationError(f"Longer than {self.most} characters.")
        if not is_text(value):
            raise ValidationError("Must not contain control characters.")
        return value


class SessionSchema(Schema):
    """The body of a registration.

    Unknown fields are ignored, so that a newer app still registers.
    """

    class Meta:
        unknown = EXCLUDE
        # marshmallow knows classes by their names, in one registry for all: the host may have one
        # of this name.
        register = False

    stream_id = fields.String(
        required=True,
        data_key="streamId",
        validate=Bounded(LONGEST_STREAM_ID),
        metadata={
            "description": "The stream whose countdown is shown.",
            "example": "65f000000000000000000001",
        },
    )
    device_id = fields.String(
        required=True,
        data_key="deviceId",
        validate=Bounded(LONGEST_ID),
        metadata={
            "description": "The phone: a name that stays the same from one start to the next.",
            "example": "iphone-15-pro-max",
        },
    )
    token = fields.String(
        required=True,
        data_key="liveActivityToken",
        validate=Bounded(LONGEST_TOKEN),
        metadata={
            "description": "The push token of this one Live Activity, as `pushTokenUpdates` gives "
            "it, in hex. Send it again whenever iOS gives a new one.",
            "example": "live_activity_runtime_token",
        },
    )
    activity_id = fields.String(
        required=True,
        data_key="activityId",
        validate=Bounded(LONGEST_ID),
        metadata={
            "description": "The `id` that ActivityKit gave the activity.",
            "example": "live-activity-123",
        },
    )
    environment = fields.String(
        allow_none=True,
        validate=validate.OneOf(ENVIRONMENTS, error="Must be {choices}, or left out."),
        metadata={
            "description": "Apple's environment that the push token is of, where the app knows it. "
            "`null` is the same as leaving it out: nothing is changed.",
        },
    )

    def __init__(self, stream_id_pattern: re.Pattern[str], token_pattern: re.Pattern[str]) -> None:
        super().__init__()
        self._stream_id_pattern = stream_id_pattern
        self._token_pattern = token_pattern

    @property
    def patterns(self) -> dict[str, tuple[re.Pattern[str], ...]]:
        """The regular expressions that each field of the body must match as a whole."""
        # Halves of surrogate pairs cannot be named in every regular expression.
        text = re.compile(rf"[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*")
        return {
            "streamId": (self._stream_id_pattern,),
            "deviceId": (text,),
            "liveActivityToken": (URL_SAFE, self._token_pattern),
            "activityId": (text,),
        }

    @validates("stream_id")
    def _has_the_form_of_a_stream_id(self, value: str, **_: Any) -> None:
        try:
            canonical_stream_id(value, self._stream_id_pattern)
        except ValueError:
            raise ValidationError("Not a valid stream id.") from None

    @validates("token")
    def _has_the_form_of_a_token(self, value: str, **_: Any) -> None:
        # Also where the host's pattern is wider: the token becomes a part of a URL's path.
        taken = any(map(self._token_pattern.fullmatch, token_spellings(value)))
        if not URL_SAFE.fullmatch(value) or not taken:
            raise ValidationError("Not a valid Live Activity token.")


@functools.lru_cache(maxsize=16)
def session_schema(stream_id_pattern: re.Pattern[str], token_pattern: re.Pattern[str]) -> Schema:
    """The schema for an app's patterns; marshmallow takes longer to make one than to use it."""
    return SessionSchema(stream_id_pattern, token_pattern)


def readable(messages: dict[str, Any]) -> list[str]:
    """marshmallow's messages as ``field: message`` strings."""
    return [
        f"{name}: {message}"
        for name, found in messages.items()
        for message in (found if isinstance(found, list) else [str(found)])
    ]
