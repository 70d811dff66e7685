"""Runs fan-outs, waits where nobody answers, and says loudly what a person has to mend."""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence

from flask_allmine_liveactivity.delivery.environments import Aside
from flask_allmine_liveactivity.delivery.fan_out import FanOut
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.report import Run
from flask_allmine_liveactivity.delivery.results import Results
from flask_allmine_liveactivity.delivery.unanswered import Unanswered
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import Settlement
from flask_allmine_liveactivity.model.alarm import is_alarming
from flask_allmine_liveactivity.model.utc import utc
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage

logger = logging.getLogger(__name__)

# The pause after a run that met an obstacle, in seconds, growing to the longest: the next one
# begins with a single push, which costs nobody anything, and all go on once it is answered.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
# The same complaint is logged at most once in so many seconds.
SAY_AGAIN_AFTER = 3600.0
# A silence that begins so many seconds after the last one has ended is another one.
ANOTHER_AFTER = 60.0
# Rows that are over stay on record for a day, then go; looked for once an hour. In seconds.
KEEP_RECORD = 24 * 3600.0
PURGE_EVERY = 3600.0
# How often those are looked for that an earlier version has put to rest, in seconds.
RECALL_EVERY = 60.0

# What is said of a push service that does not answer, among other complaints.
UNREACHABLE = "unreachable"


class Delivery:
    """Delivers what is due. One object a process; its methods may be called by any thread.

    Args:
        storage: Where sessions and events are.
        push: Where pushes go.
        policy: Lease, batch size and sweep interval.
        clock: The time in seconds since the epoch.
        monotonic: Seconds that only rise, by which pauses and leases are measured.
        settled: Called with each batch that has been settled.
    """

    def __init__(
        self,
        storage: Storage,
        push: PushBackend,
        policy: Policy,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        settled: Callable[[Sequence[Settlement]], object] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._storage = storage
        self._push = push
        self._clock = clock
        self._monotonic = monotonic
        self._settled = settled
        self._stopping = threading.Event()
        self._under_way: set[FanOut] = set()
        self._no_answer = Unanswered(monotonic)
        self._silent_since: float | None = None
        self._silence_is_said = False
        self._vain_runs = 0
        self._paused_until = 0.0
        self._purged_at: float | None = None
        self._recalled_at: float | None = None
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
            until: Draw nothing more from then on, by the monotonic clock.

        Raises:
            StorageUnavailable: What was claimed comes due again when its lease ends.
        """
        fan_out = FanOut(
            self._storage,
            self._push,
            self.policy,
            self._stopping,
            self._clock,
            self._monotonic,
            until,
            self._settled,
            self._no_answer,
            probing=self._vain_runs > 0,
        )
        self._under_way.add(fan_out)
        try:
            fan_out.run(stream_id, on_result)
        finally:
            self._under_way.discard(fan_out)
        self._pace(fan_out.results)
        self._raise_alarm(fan_out.results)
        return Run(
            tally=fan_out.results.tally,
            next_due=fan_out.next_due if stream_id is not None else self._next_due(fan_out),
            obstacle=fan_out.results.obstacle,
            cut_short=fan_out.cut_short,
        )

    def update_due_at(self, stream_id: str) -> float | None:
        """When a stream's update is looked at next; ``None``: it has none to tell."""
        event = self._storage.streams.read(stream_id)
        return event.due_at if event is not None and event.is_update else None

    def _next_due(self, fan_out: FanOut) -> float:
        """Also of streams that this run was not at: an update that keeps its distance from the last
        one is due in a few seconds."""
        due_at = self._storage.streams.first_due()
        if due_at is None or due_at <= self._clock():
            return fan_out.next_due
        return min(due_at, fan_out.next_due)

    def pause(self) -> float:
        """Seconds to wait before the next run, because the last one met an obstacle."""
        return max(0.0, self._paused_until - self._monotonic())

    def stop(self) -> None:
        """Let the runs under way draw nothing more: they settle what is in flight and end.

        They may await answers for longer than the process waits for them: others may have what
        they have claimed and not sent at once.
        """
        self._stopping.set()
        if not self._under_way:
            return
        thread = threading.Thread(
            target=self._give_back_unsent, name="live-activity-leaving", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # "can't create new thread at interpreter shutdown"
            self._give_back_unsent()

    def _give_back_unsent(self) -> None:
        # What cannot be given back comes due again when its lease ends.
        with contextlib.suppress(StorageUnavailable):
            for fan_out in list(self._under_way):
                fan_out.give_back_unsent()

    @property
    def stopping(self) -> bool:
        """Whether ``stop()`` was called."""
        return self._stopping.is_set()

    def look_after_the_storage(self) -> None:
        """Find again who was put to rest by an earlier version beside this one, at most once a
        minute; mend what a hand has left apart and delete what has been over for a day, at most
        once an hour."""
        now = self._monotonic()
        if self._recalled_at is None or now - self._recalled_at >= RECALL_EVERY:
            self._recalled_at = now
            self._storage.streams.recall(self._clock())
        if self._purged_at is None or now - self._purged_at >= PURGE_EVERY:
            self._purged_at = now
            found = self._storage.sessions.repair()
            if found:
                logger.warning(
                    "%d sessions were missing among those who wait, as after a backup that was "
                    "restored in parts. Who is still to be told is told now.",
                    found,
                )
            self._storage.streams.adopt(self._clock())
            self._storage.purge(self._clock() - KEEP_RECORD)

    def _pace(self, results: Results) -> None:
        tally = results.tally
        answered = tally.delivered + tally.gone + tally.rejected
        obstacle = results.obstacle
        if not obstacle or answered:
            self._vain_runs = 0
        if obstacle:
            self._vain_runs += 1
            longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._vain_runs, 30))
            self._paused_until = self._monotonic() + random.uniform(longest / 2, longest)

    def _raise_alarm(self, results: Results) -> None:
        tally = results.tally
        answered = tally.answered - results.aside.postponed
        self._say_what_waits(results.aside)
        if results.misconfigured:
            remedy = self._push.remedy(results.misconfigured)
            self._say(
                results.misconfigured,
                f"Live Activity pushes are held: the push service answers "
                f"{results.misconfigured!r} for every token. Nothing is lost; "
                f"{remedy or 'see `flask live-activity check`'}, then "
                "restart what delivers, and run `flask live-activity resend`.",
            )
        elif results.unreachable:
            self._silent_since = self._silent_since or self._clock()
            if self._say(
                UNREACHABLE,
                f"No answer from the push service since {utc(self._silent_since)} "
                f"({results.unreachable}). Nothing is lost: sending goes on when it answers.",
            ):
                self._silence_is_said = True
        elif self._silent_since is not None and answered:
            if self._silence_is_said:
                logger.warning(
                    "The push service answers again since %s; it had not since %s. All that is due "
                    "is sent now.",
                    utc(self._clock()),
                    utc(self._silent_since),
                )
                # The next silence is another one, unless it comes and goes.
                self._said[UNREACHABLE] = self._monotonic() + ANOTHER_AFTER - SAY_AGAIN_AFTER
            self._silent_since, self._silence_is_said = None, False
        if is_alarming(tally.rejected, answered):
            reason = tally.reasons.most_common(1)[0][0]
            remedy = self._push.remedy(reason) or "see `flask live-activity status`"
            self._say(
                f"rejected {reason}",
                f"{tally.rejected} of {answered} Live Activity tokens were rejected "
                f"({reason}): {remedy}. They "
                "wait, and are given up at the third time. When it is mended, restart what "
                "delivers, and run `flask live-activity resend`: all of them are tried at once.",
            )

    def _say_what_waits(self, aside: Aside) -> None:
        for environment, result in aside.troubles.items():
            reason = result.reason or result.verdict.value
            remedy = self._push.remedy(reason)
            self._say(
                f"{environment} {reason}",
                f"Live Activity pushes to the environment {environment!r} wait, and the others go "
                f"on: {reason}. Nothing is lost{f'; {remedy}' if remedy else ''}.",
                # What a person has to mend takes it out of use until this process is restarted.
                again_after=SAY_AGAIN_AFTER if remedy is None else math.inf,
            )

    def _say(self, subject: str, message: str, again_after: float = SAY_AGAIN_AFTER) -> bool:
        """Say it, unless it was said a while ago; returns whether it was."""
        now = self._monotonic()
        said_at = self._said.get(subject)
        if said_at is not None and now - said_at < again_after:
            return False
        self._said[subject] = now
        logger.error(message)
        return True
