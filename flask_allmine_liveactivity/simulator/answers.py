"""What the local APNs answers.

Reasons and statuses: Apple, "Handling notification responses from APNs".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from flask_allmine_liveactivity.simulator.reasons import reason_of

NO_ANSWER = 0
"""The status of a request that has none: stream or connection ended instead, or nothing came."""


class Fault(StrEnum):
    """What happens to a request instead of an answer."""

    RESET = "reset"
    """Its stream is reset (``INTERNAL_ERROR``); the connection stays."""
    CUT = "cut"
    """Its connection is cut, with all that is under way on it."""
    GOAWAY = "goaway"
    """Its connection ends with GOAWAY, which says that this request was not processed."""
    SILENCE = "silence"
    """Its connection stays open, and nothing ever comes on it again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Apple's, or what there is instead of one.

    Args:
        status: The HTTP status; ``NO_ANSWER`` (0) where there is a fault instead.
        reason: Apple's word for it; without one the body is empty. That of a GOAWAY, too.
        retry_after: The ``Retry-After`` header: seconds, or an HTTP date.
        timestamp: **Milliseconds** since the epoch, as 410 carries them.
        fault: What happens instead of an answer; a reset where the status says that there is none.
        taken: With a fault: the push has reached the phones all the same, only its sender is not
            told so.
        content: The JSON of an answer that is not a refusal.
        headers: Further ones, by lower-case name.
    """

    status: int
    reason: str | None = None
    retry_after: int | str | None = None
    timestamp: int | None = None
    fault: Fault | None = None
    taken: bool = False
    content: Mapping[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.status == NO_ANSWER and self.fault is None:
            object.__setattr__(self, "fault", Fault.RESET)

    @property
    def body(self) -> bytes:
        """The JSON that goes out; empty where there is no reason."""
        fields: dict[str, Any] = dict(self.content or {})
        if self.reason is not None:
            fields["reason"] = self.reason
        if self.timestamp is not None:
            fields["timestamp"] = self.timestamp
        if not fields:
            return b""
        return json.dumps(fields, separators=(",", ":")).encode()

    @property
    def reaches_phones(self) -> bool:
        """Whether the phones get the push."""
        return self.status == 200 or self.taken

    @classmethod
    def of(
        cls, reason: str, *, retry_after: int | str | None = None, since: float | None = None
    ) -> Self:
        """The answer with this reason, and the status that comes with it.

        Args:
            reason: One of ``simulator.reasons.REASONS``.
            retry_after: The ``Retry-After`` header: seconds, or an HTTP date.
            since: Seconds since the epoch, for 410: since when the token has been dead.

        Raises:
            ValueError: Apple has no such reason.
        """
        timestamp = None if since is None else int(since * 1000)
        return cls(reason_of(reason).status, reason, retry_after, timestamp)

    @classmethod
    def accepted(cls) -> Answer:
        """200."""
        return cls(200)

    @classmethod
    def bad_device_token(cls) -> Answer:
        """400: not a token of this environment."""
        return cls(400, "BadDeviceToken")

    @classmethod
    def device_token_not_for_topic(cls) -> Answer:
        """400: a token of another app."""
        return cls(400, "DeviceTokenNotForTopic")

    @classmethod
    def expired_provider_token(cls) -> Answer:
        """403: the provider token is older than an hour."""
        return cls(403, "ExpiredProviderToken")

    @classmethod
    def invalid_provider_token(cls) -> Answer:
        """403: the provider token cannot be verified."""
        return cls(403, "InvalidProviderToken")

    @classmethod
    def gone(cls, since: float) -> Answer:
        """410: the token has been dead since then.

        Args:
            since: Seconds since the epoch; Apple sends milliseconds, and so does this.
        """
        return cls(410, "Unregistered", timestamp=int(since * 1000))

    @classmethod
    def expired_token(cls, since: float) -> Answer:
        """410: the activity has ended, or is eight hours old.

        Args:
            since: Seconds since the epoch.
        """
        return cls(410, "ExpiredToken", timestamp=int(since * 1000))

    @classmethod
    def too_many_requests(cls, retry_after: int | str | None = None) -> Answer:
        """429: too many pushes to this token."""
        return cls(429, "TooManyRequests", retry_after=retry_after)

    @classmethod
    def too_many_provider_token_updates(cls) -> Answer:
        """429: the provider token was renewed before its 20 minutes were over."""
        return cls(429, "TooManyProviderTokenUpdates")

    @classmethod
    def internal_server_error(cls) -> Answer:
        """500."""
        return cls(500, "InternalServerError")

    @classmethod
    def unavailable(cls, retry_after: int | str | None = None) -> Answer:
        """503: the service is not available."""
        return cls(503, "ServiceUnavailable", retry_after=retry_after)

    @classmethod
    def shutdown(cls) -> Answer:
        """503: this server is going down; another connection leads to another one."""
        return cls(503, "Shutdown")

    @classmethod
    def reset(cls, *, taken: bool = False) -> Answer:
        """None: the stream is reset (``INTERNAL_ERROR``), the connection stays.

        Args:
            taken: The push has reached the phones all the same.
        """
        return cls(NO_ANSWER, fault=Fault.RESET, taken=taken)

    @classmethod
    def cut(cls, *, taken: bool = False) -> Answer:
        """None: the connection is cut, with all that is under way on it.

        Args:
            taken: The push has reached the phones all the same.
        """
        return cls(NO_ANSWER, fault=Fault.CUT, taken=taken)

    @classmethod
    def goaway(cls, reason: str = "Shutdown") -> Answer:
        """None: the connection ends with GOAWAY; this request and later ones are unprocessed.

        What came before on the connection is still answered; then it is closed.

        Args:
            reason: In the frame's debug data: ``{"reason": "Shutdown"}``.
        """
        return cls(NO_ANSWER, reason, fault=Fault.GOAWAY)

    @classmethod
    def silence(cls, *, taken: bool = False) -> Answer:
        """None, ever again: the connection is half open from now on. It even ignores pings.

        Args:
            taken: The push has reached the phones all the same.
        """
        return cls(NO_ANSWER, fault=Fault.SILENCE, taken=taken)
