"""What a local APNs can be told to answer."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.faults import Faults
from flask_allmine_liveactivity.simulator.told import ToldAnswers


class Answering:
    """The side of ``LocalApns`` that is told what to answer. Safe to use from any thread.

    Args:
        told: Keeps it.
        for_each: Does something to each connection there is, in the server's thread.
    """

    def __init__(
        self, told: ToldAnswers, for_each: Callable[[Callable[[Connection], None]], int]
    ) -> None:
        self._told = told
        self.faults = Faults(for_each)
        """Faults of connections: GOAWAY, cut, half open, one stream only, idle."""
        self.tokens_of_other_environment: set[str] = set()
        """Device tokens that are answered with ``BadDeviceToken``."""
        self.tokens_of_other_topic: set[str] = set()
        """Device tokens that are answered with ``DeviceTokenNotForTopic``."""

    def answer(self, token: str, *answers: Answer) -> None:
        """Answer the next requests for a token so, one answer each; then as usual.

        What is told this way, by `answer_always` or by `answer_next` is for requests that Apple
        would accept: a broken one is refused for its own fault, and uses nothing up.
        `answer_next` comes first, then `answer`, then `answer_always`.
        """
        self._told.add(token, answers)

    def answer_always(self, token: str, answer: Answer | None) -> None:
        """Answer a token so from now on; ``None``: as usual again."""
        self._told.set_always(token, answer)

    def answer_next(self, count: int, answer: Answer) -> None:
        """Answer the next `count` requests so, whatever their token."""
        self._told.add_next(count, answer)

    def answer_all(self, answer: Answer | None) -> None:
        """Answer all requests so from now on; ``None``: as usual again.

        It comes before the check of the provider token: only a wrong method or path, or a header
        sent twice, is still refused for its own fault.
        """
        self._told.for_all = answer

    def delay(self, seconds: float) -> None:
        """Answer so many seconds late from now on; 0: at once. It is recorded on arrival."""
        self._told.delay = seconds

    def answer_as_usual(self) -> None:
        """Forget all that was told: answers, delay, faults, tokens of another environment or topic.

        Connections that were half open stay so.
        """
        self._told.forget()
        self.tokens_of_other_environment.clear()
        self.tokens_of_other_topic.clear()
        self.faults.heal()
