"""What the pushes of a run came to, and what stopped it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

from flask_allmine_liveactivity.delivery.environments import Aside, environment_of_token
from flask_allmine_liveactivity.delivery.in_flight import InFlight
from flask_allmine_liveactivity.delivery.outcomes import settle
from flask_allmine_liveactivity.delivery.refusals import Refusals
from flask_allmine_liveactivity.delivery.report import Tally
from flask_allmine_liveactivity.delivery.unanswered import Unanswered
from flask_allmine_liveactivity.model import PushResult, StreamEvent, Verdict


class Results:
    """Makes of each result what becomes of its session.

    Args:
        in_flight: Where the sessions are.
        unanswered: Who had no answer in earlier runs.
        clock: The time in seconds since the epoch.
        hold: Called with the event of a push that was refused as each would be, and the reason.
    """

    def __init__(
        self,
        in_flight: InFlight,
        unanswered: Unanswered,
        clock: Callable[[], float],
        hold: Callable[[StreamEvent, str], object],
    ) -> None:
        self._in_flight = in_flight
        self._no_answer = unanswered
        # What one environment answers says nothing of the other.
        self._refusals: defaultdict[str | None, Refusals] = defaultdict(Refusals)
        self._clock = clock
        self._hold = hold
        self._unanswered: dict[str, StreamEvent] = {}
        self.tally = Tally()
        self.aside = Aside()
        self.unreachable: str | None = None
        """Why nothing more is sent, where no answer came."""
        self.misconfigured: str | None = None
        """Why nothing more is sent, where a person has to mend something."""

    @property
    def obstacle(self) -> str | None:
        """Why nothing more is sent."""
        return self.misconfigured or self.unreachable

    @property
    def unanswered(self) -> Iterable[StreamEvent]:
        """The events of which a push had no answer, as they were when it was sent."""
        return self._unanswered.values()

    def take(self, result: PushResult) -> None:
        """See to one result; its meaning may depend on those that come after it."""
        if self._in_flight.batch_of(result.push.session) is None:
            return
        weighed = self._no_answer.weigh(result)
        for decided in self._refusals[result.environment].weigh(weighed):
            self._settle(decided)
        self._in_flight.go_on()

    def decide(self) -> None:
        """No more will come: see to those whose meaning is still open."""
        for refusals in self._refusals.values():
            for result in refusals.decide():
                self._settle(result)

    def _settle(self, result: PushResult) -> None:
        batch = self._in_flight.batch_of(result.push.session)
        if batch is None:
            return
        result = self.aside.put(result)
        settlement = settle(
            result,
            revision=batch.revision,
            ends=batch.ends,
            claimed_at=batch.now,
            # Whole seconds, never early: results of one second are settled in one statement.
            now=math.ceil(self._clock()),
        )
        settlement.environment = environment_of_token(result)
        self.tally.count(result, settlement)
        self._in_flight.note(batch, settlement)
        event = batch.stream.event
        if result.verdict is Verdict.UNREACHABLE:
            self.unreachable = result.reason or "no answer"
            self._unanswered[event.stream_id] = event
        elif result.verdict is Verdict.MISCONFIGURED:
            self.misconfigured = result.reason or "refused for every token"
            self._hold(event, self.misconfigured)
