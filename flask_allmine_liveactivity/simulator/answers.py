"""What the local APNs answers when it is told to.

Reasons and statuses: Apple, "Handling notification responses from APNs".
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

NO_ANSWER = 0
"""The status of a request whose stream was reset."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Apple's.

    Args:
        status: The HTTP status; ``NO_ANSWER`` (0) resets the stream.
        reason: Apple's word for it; without one the body is empty.
        retry_after: The ``Retry-After`` header: seconds, or an HTTP date.
        timestamp: **Milliseconds** since the epoch, as 410 carries them.
    """

    status: int
    reason: str | None = None
    retry_after: int | str | None = None
    timestamp: int | None = None

    @property
    def body(self) -> bytes:
        """The JSON that goes out; empty where there is no reason."""
        if self.reason is None:
            return b""
        fields: dict[str, Any] = {"reason": self.reason}
        if self.timestamp is not None:
            fields["timestamp"] = self.timestamp
        return json.dumps(fields, separators=(",", ":")).encode()

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
    def reset(cls) -> Answer:
        """None: the stream is reset (``INTERNAL_ERROR``), the connection stays."""
        return cls(NO_ANSWER)


class ToldAnswers:
    """What was told, and by now not yet used. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: deque[tuple[int, Answer]] = deque()
        self._queues: dict[str, deque[Answer]] = {}
        self._always: dict[str, Answer] = {}
        self.for_all: Answer | None = None
        self.delay = 0.0

    def add(self, token: str, answers: tuple[Answer, ...]) -> None:
        """Queue answers for a token, each for one request."""
        with self._lock:
            self._queues.setdefault(token, deque()).extend(answers)

    def add_next(self, count: int, answer: Answer) -> None:
        """Queue an answer for so many requests, whatever their token."""
        if count < 1:
            raise ValueError(f"answer_next needs a count of at least 1, not {count}.")
        with self._lock:
            self._next.append((count, answer))

    def set_always(self, token: str, answer: Answer | None) -> None:
        """Answer a token so from now on; ``None``: as usual again."""
        with self._lock:
            if answer is None:
                self._always.pop(token, None)
            else:
                self._always[token] = answer

    def take(self, token: str) -> Answer | None:
        """What was told for this request, and use it up."""
        with self._lock:
            if self._next:
                count, answer = self._next.popleft()
                if count > 1:
                    self._next.appendleft((count - 1, answer))
                return answer
            queue = self._queues.get(token)
            if queue:
                answer = queue.popleft()
                if not queue:
                    del self._queues[token]
                return answer
            return self._always.get(token)

    def forget(self) -> None:
        """Answer as usual again."""
        with self._lock:
            self._next.clear()
            self._queues.clear()
            self._always.clear()
            self.for_all = None
            self.delay = 0.0
