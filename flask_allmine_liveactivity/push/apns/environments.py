"""The ``apns`` push backend where a token may be of either of Apple's environments.

Both go out of one run, each over a connection of its own and at its own pace: whatever becomes of
the sandbox, no push to production waits for it.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from flask_allmine_liveactivity.model import Push, PushResult, Verdict, new_apns_ids
from flask_allmine_liveactivity.model.environments import ENVIRONMENTS, PRODUCTION
from flask_allmine_liveactivity.push.apns.client import require_libcurl
from flask_allmine_liveactivity.push.apns.connection import ASK_AGAIN, FILL_FOR, Connection
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.gate import WRONG_KEY, Gate
from flask_allmine_liveactivity.push.apns.lane import Lane
from flask_allmine_liveactivity.push.apns.multi import wait_for_any
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.source import later_of

# What a token is answered in the environment that it is not of.
OF_THE_OTHER = "BadDeviceToken"
# So many are postponed in a run while production does not answer, in search of somebody for the
# sandbox; then the run ends, as where nobody answers. An audience may be a million, and each that
# is postponed is written.
MOST_POSTPONED = 2000
# Hex, and no token that Apple has ever given out.
BOGUS_TOKEN = "00" * 32

_REMEDIES = {
    OF_THE_OTHER: (
        "both of Apple's environments refuse it: it is no token of this app, or the app has been "
        "removed. If many get it, check LIVE_ACTIVITY_APNS_BUNDLE_ID"
    ),
    **dict.fromkeys(
        sorted(WRONG_KEY),
        "Apple allows the key in the other environment only: create one for both, or set "
        "LIVE_ACTIVITY_APNS_ENVIRONMENT to the one that the key is for",
    ),
}


class ApnsEnvironments(PushBackend):
    """Pushes to both of Apple's environments.

    A token of which nobody knows is tried in production, and once in the sandbox where that says
    ``BadDeviceToken``; one that is believed to be of an environment begins there. A push has one
    result, whatever it took.

    Args:
        endpoints: Where each environment is, by name.
        provider_token: Shared by all connections.
        connections: How many there may be to each.
        monotonic: Seconds that only rise.
    """

    environments = ENVIRONMENTS

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        provider_token: ProviderToken,
        connections: int = 1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        require_libcurl()
        self._gates = {environment: Gate(monotonic) for environment in ENVIRONMENTS}
        self._pairs = [
            {
                environment: Connection(
                    replace(endpoints[environment], environment=environment), provider_token
                )
                for environment in ENVIRONMENTS
            }
            for _ in range(connections)
        ]
        self._free: queue.LifoQueue[Mapping[str, Connection]] = queue.LifoQueue()
        for pair in self._pairs:
            self._free.put(pair)

    def remedy(self, reason: str) -> str | None:
        return _REMEDIES.get(reason) or super().remedy(reason)

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        pair = self._free.get()
        try:
            yield from _Run(
                pushes,
                {name: Lane(name, pair[name], self._gates[name]) for name in ENVIRONMENTS},
            ).results()
        finally:
            self._free.put(pair)

    def close(self) -> None:
        for pair in self._pairs:
            for connection in pair.values():
                connection.close()


class _Run:
    """The pushes of one call of ``send``, each on its way to one environment or the other."""

    def __init__(self, pushes: Iterable[Push], lanes: Mapping[str, Lane]) -> None:
        self._pushes = pushes
        self._source = iter(pushes)
        self._lanes = lanes
        # What those were answered first that are tried elsewhere, and where they were believed to
        # be of, by apns-id.
        self._tried: dict[str, tuple[PushResult, str | None]] = {}
        self._postponed = 0
        self._question: Push | None = None

    def results(self) -> Iterator[PushResult]:
        lanes = self._lanes.values()
        try:
            while True:
                idle = True
                for result in self._draw():
                    idle = False
                    yield result
                busy = [lane for lane in lanes if lane.is_busy]
                if not busy:
                    return
                for lane in busy:
                    for answer in lane.results():
                        idle = False
                        yield from self._take(lane, answer)
                if idle:
                    wait_for_any([lane.multi for lane in lanes if lane.is_busy], ASK_AGAIN)
        finally:
            for lane in lanes:
                lane.close()

    # --- which way ---------------------------------------------------------------------------

    def _draw(self) -> Iterator[PushResult]:
        """Let each push that there is room for wait in its lane; those have a result at once that
        cannot be sent."""
        until = time.monotonic() + FILL_FOR
        while self._wants_more():
            push = next(self._source, None)
            if push is None:
                self._source = later_of(self._pushes)
                return
            sent_back = self._admit(push, self._lane_of(push))
            if sent_back is not None:
                yield sent_back
            if time.monotonic() > until:
                return

    def _wants_more(self) -> bool:
        # Nobody knows for whom the next one is. Where a lane is full, the other waits for it a
        # little; not for one that does not answer, nor for a sandbox that is silent.
        return all(not lane.is_full or self._is_passed_by(lane) for lane in self._lanes.values())

    def _is_passed_by(self, lane: Lane) -> bool:
        if not self._other(lane).gate.is_open:
            return False
        return not lane.gate.is_open or (lane.environment != PRODUCTION and lane.is_silent)

    def _lane_of(self, push: Push) -> Lane:
        believed = self._lanes.get(push.environment or "")
        if believed is not None:
            return believed
        production = self._lanes[PRODUCTION]
        other = self._other(production)
        usable = push.target is None or not production.gate.is_out_of_use
        return production if usable or not other.gate.is_open else other

    def _other(self, lane: Lane) -> Lane:
        return next(each for each in self._lanes.values() if each is not lane)

    def _admit(self, push: Push, lane: Lane) -> PushResult | None:
        """Let a push wait in a lane; or the result of one that cannot be sent there."""
        if push.target is not None:  # a push for nobody of ours tries out the environment itself
            if not lane.gate.admits():
                return self._sent_back(push, lane)
            if lane.is_full and self._is_passed_by(lane):
                return self._sent_back(push, lane)
        lane.add(push)
        return None

    def _sent_back(self, push: Push, lane: Lane) -> PushResult:
        """The result of a push that is not sent."""
        gate = lane.gate
        result = PushResult(
            push,
            gate.verdict or Verdict.UNREACHABLE,
            reason=gate.reason or "no answer for a while",
            environment=lane.environment,
        )
        if self._leaves_the_other_alone(lane):
            result.verdict, result.others_go_on = Verdict.POSTPONED, True
            result.retry_after = gate.wait
        return result

    def _leaves_the_other_alone(self, lane: Lane) -> bool:
        """Whether what is wrong with an environment keeps no other push waiting."""
        other = self._other(lane)
        if not other.gate.is_open:
            return False
        if lane.environment != PRODUCTION or lane.gate.is_out_of_use:
            return True
        if not other.gate.is_known_to_answer:
            # As where nobody answers, which is the likeliest; the next run knows better.
            self._ask(other)
            return False
        self._postponed += 1
        return self._postponed <= MOST_POSTPONED

    def _ask(self, lane: Lane) -> None:
        """See whether an environment answers, with a push that it refuses: once a run."""
        if self._question is None:
            self._question = Push(
                token=BOGUS_TOKEN,
                payload=b'{"aps":{}}',
                apns_id=next(new_apns_ids()),
                priority=10,
                expiration=0,
            )
            lane.add(self._question)

    # --- what has become of it ---------------------------------------------------------------

    def _take(self, lane: Lane, result: PushResult) -> Iterator[PushResult]:
        push = result.push
        if push.target is None and push is not self._question:
            yield result
            return
        first, believed = self._tried.pop(push.apns_id, (None, push.environment))
        if _closes(lane, result):
            lane.gate.close(result)
        elif result.status is not None:
            lane.gate.open()
        if push is self._question:
            pass
        elif result.reason == OF_THE_OTHER or result.reason in WRONG_KEY:
            yield from self._elsewhere(lane, result, first, believed)
        else:
            if result.verdict in (Verdict.UNREACHABLE, Verdict.MISCONFIGURED, Verdict.ODD):
                self._scope(lane, result)
            yield result
        if not lane.gate.is_open:
            yield from self._clear(lane)

    def _clear(self, lane: Lane) -> Iterator[PushResult]:
        """Send nothing that waits for an environment: one after the other would find out the same
        by itself."""
        waiting = [push for push in lane.waiting if push is not self._question]
        lane.waiting.clear()
        for push in waiting:
            first, believed = self._tried.pop(push.apns_id, (None, None))
            if first is not None and first.verdict is Verdict.REJECTED and lane.gate.is_out_of_use:
                push.environment = believed
                yield first  # its word is all there is
                continue
            sent_back = self._admit(push, self._lane_of(push))
            if sent_back is not None:
                yield sent_back

    def _elsewhere(
        self, lane: Lane, result: PushResult, first: PushResult | None, believed: str | None
    ) -> Iterator[PushResult]:
        """Try a push in the other environment, once; else say what it was answered."""
        push, other = result.push, self._other(lane)
        refused = result.verdict is Verdict.REJECTED
        # A key that is wrong here says nothing of where a token is of that is believed to be.
        untried = first is None and (refused or believed is None)
        if untried and not other.gate.is_out_of_use:
            self._tried[push.apns_id] = result, believed
            if refused:
                push.environment = other.environment
            sent_back = self._admit(push, other)
            if sent_back is not None:
                del self._tried[push.apns_id]
                yield sent_back
            return
        if not refused and first is not None and first.verdict is Verdict.REJECTED:
            result = first  # its word is all there is
        if result.verdict is Verdict.REJECTED:
            push.environment = believed
        else:
            self._scope(lane, result)
        yield result

    def _scope(self, lane: Lane, result: PushResult) -> None:
        """Say of an obstacle whether it is this environment's alone."""
        of_its_own = (
            lane.environment != PRODUCTION
            or result.verdict is Verdict.UNREACHABLE
            or result.reason in WRONG_KEY
        )
        if of_its_own and self._leaves_the_other_alone(lane):
            result.others_go_on = True
            result.retry_after = None if lane.gate.is_open else lane.gate.wait


def _closes(lane: Lane, result: PushResult) -> bool:
    """Whether an answer tells of the environment, and not of the push."""
    if result.verdict is Verdict.UNREACHABLE or result.reason in WRONG_KEY:
        return True
    # No connection that is trusted, or no key. In production that is the installation's fault.
    return (
        lane.environment != PRODUCTION
        and result.verdict is Verdict.MISCONFIGURED
        and result.status in (None, 403)
    )
