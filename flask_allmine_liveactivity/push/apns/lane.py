"""One environment in a run: its connection, and the pushes that wait for room on it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator

from flask_allmine_liveactivity.model import Push, PushResult
from flask_allmine_liveactivity.push.apns.connection import Connection
from flask_allmine_liveactivity.push.apns.gate import Gate
from flask_allmine_liveactivity.push.apns.multi import Multi
from flask_allmine_liveactivity.push.source import PushSource

# So many pushes wait for room: while they do, what comes behind them may be the other's.
AHEAD = 100
# A lane of which nothing is heard for so many seconds is silent.
SILENT_AFTER = 1.0


class Lane:
    """Pushes to one environment, at its own pace.

    Args:
        environment: Its name.
        connection: To it; borrowed for the run.
        gate: Whether it takes pushes.
    """

    def __init__(self, environment: str, connection: Connection, gate: Gate) -> None:
        self.environment = environment
        self.gate = gate
        self.waiting: deque[Push] = deque()
        self._connection = connection
        # It may have more later, as far as the connection knows.
        self._source = PushSource(lambda: iter(self._next, None), lambda: float("inf"))
        self._steps: Generator[PushResult | None, None, None] | None = None
        self._heard_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether something is under way, or waits."""
        return self._steps is not None or bool(self.waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self.waiting) >= AHEAD

    @property
    def is_silent(self) -> bool:
        """Whether nothing has been heard of it for a while."""
        return time.monotonic() - self._heard_at > SILENT_AFTER

    @property
    def multi(self) -> Multi:
        """What is to be waited for."""
        return self._connection.multi

    def add(self, push: Push) -> None:
        """To be sent as soon as there is room."""
        if not self.is_busy:
            self._heard_at = time.monotonic()
        self.waiting.append(push)

    def results(self) -> Iterator[PushResult]:
        """Send what there is room for, and yield what has been answered, without waiting."""
        if self._steps is not None:
            self._connection.multi.work(0.0)
        elif self.waiting:
            self._steps = self._connection.steps(self._source)
        else:
            return
        for result in self._steps:
            if result is None:
                return
            if result.status is not None:
                self._heard_at = time.monotonic()
            yield result
        self._steps = None

    def close(self) -> None:
        """Abandon what is under way."""
        if self._steps is not None:
            self._steps.close()

    def _next(self) -> Push | None:
        return self.waiting.popleft() if self.waiting else None
