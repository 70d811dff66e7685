"""Whether one of Apple's environments takes pushes: it is closed for a while after it has not."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from flask_allmine_liveactivity.model import PushResult, Verdict

# After no answer the next push is a probe at once, for it may have been that push's own; then after
# so many seconds, then twice as long, up to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
# How long those wait who are postponed, in seconds: what has lasted for a while may last as long
# again. Where a person has to mend something, that is longer.
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0
FIRST_HOLD, LONGEST_HOLD = 60.0, 15 * 60.0
# Who has answered within so many seconds is taken to answer still.
ANSWERS_STILL = 60.0

# These are of the environment alone, and no push to it will ever be taken with this key.
WRONG_KEY = frozenset(
    {"BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken", "BadCertificateEnvironment"}
)


class Gate:
    """Lets pushes to an environment through. One for all runs of a process.

    Args:
        monotonic: Seconds that only rise.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._closed_at = 0.0
        self._answered_at: float | None = None
        self._next_probe_at = 0.0
        self._vain = 0
        self._probing = False
        self.verdict: Verdict | None = None
        """Why it is closed; ``None``: it is open."""
        self.reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing stands in the way."""
        return self.verdict is None

    @property
    def is_out_of_use(self) -> bool:
        """Whether a person has to mend something before it can be used."""
        return self.verdict is Verdict.MISCONFIGURED

    @property
    def is_known_to_answer(self) -> bool:
        """Whether it has answered lately."""
        answered_at = self._answered_at
        return (
            self.verdict is None
            and answered_at is not None
            and self._monotonic() - answered_at < ANSWERS_STILL
        )

    @property
    def wait(self) -> float:
        """Seconds, of those who are postponed; whole ones: many are settled in one write."""
        lasted = 0.0 if self.is_open else self._monotonic() - self._closed_at
        if self.is_out_of_use:
            return min(LONGEST_HOLD, max(FIRST_HOLD, float(math.ceil(lasted))))
        return min(LONGEST_WAIT, max(FIRST_WAIT, float(math.ceil(lasted))))

    def admits(self) -> bool:
        """Whether a push may go, or get in line: any while it is open, else one now and then to
        see, and those behind it, who wait in line for what becomes of it."""
        if self.verdict is None:
            return True
        with self._lock:
            self._probing = self._probing or self._monotonic() >= self._next_probe_at
            return self._probing

    def open(self) -> None:
        """A push was answered."""
        self._answered_at = self._monotonic()
        if self.verdict is None:
            return
        with self._lock:
            self.verdict = self.reason = None
            self._vain, self._probing = 0, False

    def close(self, result: PushResult) -> None:
        """A push was not answered, or as each would be."""
        with self._lock:
            now = self._monotonic()
            if self.verdict is None:
                self._closed_at = now
            elif not self._probing:
                return  # of those that were under way with the one that has closed it
            self.verdict, self.reason, self._probing = result.verdict, result.reason, False
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._vain - 1)) if self._vain else 0.0
            self._vain = min(30, self._vain + 1)
            self._next_probe_at = now + (self.wait if self.is_out_of_use else pause)
