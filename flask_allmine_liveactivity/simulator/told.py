"""What the local APNs was told to answer."""

from __future__ import annotations

import threading
from collections import deque

from flask_allmine_liveactivity.simulator.answers import Answer


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
