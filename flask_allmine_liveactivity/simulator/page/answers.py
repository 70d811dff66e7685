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
    """What a right server does, in a sentence."""
    answer: Callable[[], Answer | None]


CHOICES = {
    AS_USUAL: Choice(
        "As usual",
        "Each push is judged by Apple's rules.",
        lambda: None,
    ),
    "unavailable": Choice(
        "503 ServiceUnavailable",
        "Retry-After says 5 seconds: the host comes back then.",
        lambda: Answer.unavailable(5),
    ),
    "too-many-requests": Choice(
        "429 TooManyRequests",
        "The host backs off for this token, longer each time.",
        Answer.too_many_requests,
    ),
    "internal-server-error": Choice(
        "500 InternalServerError",
        "The host tries again later.",
        Answer.internal_server_error,
    ),
    "reset": Choice(
        "No answer: stream reset",
        "Nobody knows whether it was taken: the host sends it again.",
        Answer.reset,
    ),
    "gone": Choice(
        "410 Unregistered",
        "The token is dead: the host gives it up, unless it was registered since.",
        lambda: Answer.gone(time.time()),
    ),
    "bad-device-token": Choice(
        "400 BadDeviceToken",
        "Perhaps the wrong environment: the host waits long before it asks again.",
        Answer.bad_device_token,
    ),
    "invalid-provider-token": Choice(
        "403 InvalidProviderToken",
        "The same for every token: the host holds the stream, loses nothing, and says it loudly.",
        Answer.invalid_provider_token,
    ),
}
