"""Runs fan-outs, waits where nobody answers, and says loudly what a person has to mend."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_allmine_liveactivity.fanout import FanOut
from flask_allmine_liveactivity.model import Settlement
from flask_allmine_liveactivity.policy import Policy
from flask_allmine_liveactivity.push.apns.answers import REMEDIES
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.tally import Tally

logger = logging.getLogger(__name__)

# The pause after a run without an answer, in seconds, growing to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
# The same complaint is logged at most once in so many seconds.
SAY_AGAIN_AFTER = 3600.0
# Rows that are over stay on record for a day, then go; looked for once an hour. In seconds.
KEEP_RECORD = 24 * 3600.0
PURGE_EVERY = 3600.0
# So many rejected tokens, and so large a share of a run's answers, are no accident.
ALARMING_COUNT = 5
ALARMING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """What one run has done."""

    tally: Tally
    next_due: float
    """When the earliest of its streams is to be looked at again."""
    obstacle: str | None
    """Why it stopped before all were told, if it did."""
    cut_short: bool = False
    """It ended because its time was up, and may have left something."""


class Delivery:
    """Delivers what is due. One object a process; its methods may be called by any thread.

    Args:
        storage: Where sessions and events are.
        push: Where pushes go.
        policy: Lease, batch size and sweep interval.
        clock: The time in seconds since the epoch.
        settled: Called with each batch that has been settled.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend,
        policy: Policy,
        clock: Callable[[], float] = time.time,
        settled: Callable[[Sequence[Settlement]], object] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._storage = storage
        self._push = push
        self._clock = clock
        self._settled = settled
        self._stopping = threading.Event()
        self._silent_runs = 0
        self._paused_until = 0.0
        self._purged_at: float | None = None
        self._said: dict[str, float] = {}

    def run(
        self,
        stream_id: str | None = None,
        on_result: Callable[[], object] = lambda: None,
        *,
        until: float = math.inf,
    ) -> Run:
        """Deliver what is due, of all streams or of one, and come back.

        Args:
            stream_id: Only this stream.
            on_result: Called after each push, to show progress.
            until: Draw nothing more from then on, by ``time.monotonic()``.

        Raises:
            StorageUnavailable: What was claimed comes due again when its lease ends.
        """
        fan_out = FanOut(
            self._storage,
            self._push,
            self.policy,
            self._stopping,
            self._clock,
            until,
            self._settled,
        )
        fan_out.run(stream_id, on_result)
        self._pace(fan_out)
        self._raise_alarm(fan_out)
        return Run(
            tally=fan_out.tally,
            next_due=fan_out.next_due,
            obstacle=fan_out.misconfigured or fan_out.unreachable,
            cut_short=fan_out.cut_short,
        )

    def pause(self) -> float:
        """Seconds to wait before the next run, because the last one had no answer."""
        return max(0.0, self._paused_until - time.monotonic())

    def stop(self) -> None:
        """Let the runs under way draw nothing more: they settle what is in flight and end."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether ``stop()`` was called."""
        return self._stopping.is_set()

    def purge_now_and_then(self) -> None:
        """Delete what has been over for a day, at most once an hour."""
        now = time.monotonic()
        if self._purged_at is None or now - self._purged_at >= PURGE_EVERY:
            self._purged_at = now
            self._storage.purge(self._clock() - KEEP_RECORD)

    def _pace(self, fan_out: FanOut) -> None:
        answered = fan_out.tally.delivered + fan_out.tally.gone + fan_out.tally.rejected
        if not fan_out.unreachable or answered:
            self._silent_runs = 0
        if fan_out.unreachable:
            self._silent_runs += 1
            longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._silent_runs, 30))
            self._paused_until = time.monotonic() + random.uniform(longest / 2, longest)

    def _raise_alarm(self, fan_out: FanOut) -> None:
        tally = fan_out.tally
        if fan_out.misconfigured:
            self._say(
                fan_out.misconfigured,
                f"Live Activity pushes are held: the push service answers "
                f"{fan_out.misconfigured!r} for every token. Nothing is lost; "
                f"{REMEDIES.get(fan_out.misconfigured, 'see `flask live-activity check`')}, "
                "then run `flask live-activity resend`.",
            )
        elif fan_out.unreachable:
            self._say(
                "unreachable",
                f"No answer from the push service ({fan_out.unreachable}). Nothing is lost: "
                "sending goes on when it answers.",
            )
        if tally.rejected >= ALARMING_COUNT and tally.rejected > ALARMING_SHARE * tally.answered:
            reason = tally.reasons.most_common(1)[0][0]
            self._say(
                f"rejected {reason}",
                f"{tally.rejected} of {tally.answered} Live Activity tokens were rejected "
                f"({reason}): {REMEDIES.get(reason, 'see `flask live-activity status`')}. They are "
                "tried again; `flask live-activity resend` brings back those given up.",
            )

    def _say(self, subject: str, message: str) -> None:
        now = time.monotonic()
        if now - self._said.get(subject, -SAY_AGAIN_AFTER) >= SAY_AGAIN_AFTER:
            self._said[subject] = now
            logger.error(message)
