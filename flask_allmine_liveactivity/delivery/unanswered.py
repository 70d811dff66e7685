"""Whom a push that had no answer tells of: its own token, or the push service."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from flask_allmine_liveactivity.model import PushResult, Verdict

# So many sessions are kept in mind.
MOST = 1000


class Unanswered:
    """Who had no answer, and whether others had one since. One object a process.

    A token that makes the push service cut the connection, or never answer, is known by that: the
    next time, others have been answered in between.

    Args:
        monotonic: Seconds that only rise.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._answered_at: dict[str | None, float] = {}  # by environment
        self._since: dict[str, float] = {}  # by session id, the longest ago first

    def weigh(self, result: PushResult) -> PushResult:
        """The result, made ``RETRY`` where only its own token is to blame."""
        session = result.push.session
        if result.status is not None:
            self._answered_at[result.environment] = self._monotonic()
            self._since.pop(session.session_id, None)
        if result.verdict is not Verdict.UNREACHABLE:
            return result
        answered_at = self._answered_at.get(result.environment, 0.0)
        before = self._since.pop(session.session_id, None)
        known_for_it = session.attempts > 0 and session.reason == result.reason
        if known_for_it or (before is not None and before < answered_at):
            return replace(result, verdict=Verdict.RETRY)
        self._since[session.session_id] = self._monotonic()
        while len(self._since) > MOST:
            self._since.pop(next(iter(self._since)), None)
        return result
