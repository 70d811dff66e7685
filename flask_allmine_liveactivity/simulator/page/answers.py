"""The answers that Apple can be told to give, by the names that the page uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask_allmine_liveactivity.simulator.answers import Answer

AS_USUAL = "as-usual"


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to choose."""

    label: str
    then: str
    """What Apple means by it, in a sentence."""
    answer: Callable[[], Answer | None]


CHOICES = {
    AS_USUAL: Choice(
        "As usual",
        "Each push is judged by Apple's rules.",
        lambda: None,
    ),
    "unavailable": Choice(
        "503 ServiceUnavailable",
        "Retry-After asks for 5 seconds of patience.",
        lambda: Answer.unavailable(5),
    ),
    "too-many-requests": Choice(
        "429 TooManyRequests",
        "Too many pushes to this token: later, and less often.",
        Answer.too_many_requests,
    ),
    "internal-server-error": Choice(
        "500 InternalServerError",
        "Something is wrong at Apple: later.",
        Answer.internal_server_error,
    ),
    "reset": Choice(
        "No answer: stream reset",
        "The sender cannot know whether the push was taken.",
        Answer.reset,
    ),
    "gone": Choice(
        "410 Unregistered",
        "The token is dead: nothing more may be sent to it until the app registers again.",
        lambda: Answer.gone(time.time()),
    ),
    "bad-device-token": Choice(
        "400 BadDeviceToken",
        "No token of this environment: sandbox and production are mixed up, or it is junk.",
        Answer.bad_device_token,
    ),
    "invalid-provider-token": Choice(
        "403 InvalidProviderToken",
        "The key, its id or the team is wrong: the same for every token.",
        Answer.invalid_provider_token,
    ),
}
