"""What the host knows of its streams, and how it answers where it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_allmine_liveactivity import Countdown, StreamState

# The default of LIVE_ACTIVITY_CHECK_INTERVAL.
INTERVAL = 60.0
# What may be wrong with the answers to one round of questions; a number: the replica that is read
# lags behind by so many seconds, up to an interval.
FAULTS = ("none", "5", "40", "59", "raises", "left out", "rubbish", "raises for one", "huge")
EXPIRES_AFTER = 1800.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A stream that is to come, and is shown."""

    title: str
    starts_at: float

    def countdown(self, stream_id: str) -> Countdown:
        """As the host answers it."""
        return Countdown(
            starts_at=self.starts_at,
            content_state={"title": self.title, "of": stream_id},
            expires_after=EXPIRES_AFTER,
        )


Truth = StreamState | Plan | None


class Truths:
    """The host's own database, with all that ever stood in it: a replica lags behind."""

    def __init__(self, stream_ids: Sequence[str]) -> None:
        self._ids = stream_ids
        self._commits: list[tuple[float, str, Truth]] = []
        self._titles = 0

    def commit(self, stream_id: str, truth: Truth, now: float) -> None:
        """This is so from now on."""
        self._commits.append((now, stream_id, truth))

    def read(self, stream_id: str, at: float | None = None) -> Truth:
        """What is so, or was at a time."""
        for committed_at, of, truth in reversed(self._commits):
            if of == stream_id and (at is None or committed_at <= at):
                return truth
        return None

    def new_plan(self, starts_at: float) -> Plan:
        """One whose title nobody has ever seen."""
        self._titles += 1
        return Plan(f"title {self._titles}", starts_at)

    def renamed(self, plan: Plan) -> Plan:
        """The same under another title."""
        return replace(self.new_plan(plan.starts_at), starts_at=plan.starts_at)

    def answers(self, stream_ids: Sequence[str], now: float, fault: str) -> Mapping[Any, Any]:
        """What the ``streams`` callback returns, or raises."""
        lag = float(fault) if fault.isdigit() else 0.0
        if fault == "raises" or (fault == "raises for one" and self._ids[0] in stream_ids):
            raise RuntimeError("the host's database is away")
        if fault == "left out":
            return {}
        truths = {each: self.read(each, now - lag) for each in stream_ids}
        answers: dict[Any, Any] = {each: _answer(each, truth) for each, truth in truths.items()}
        if fault == "rubbish":
            answers |= {self._ids[0]: 42, "no id at all": None, 7: StreamState.READY}
        if fault == "huge":
            answers[self._ids[0]] = Countdown(starts_at=now, content_state={"title": "x" * 5000})
        return answers


def _answer(stream_id: str, truth: Truth) -> Countdown | StreamState | None:
    return truth.countdown(stream_id) if isinstance(truth, Plan) else truth


class Watch:
    """Looks on as the host is asked: nobody is asked again at once where no answer came."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def note(self, stream_id: str, round_: float, expiry: float | None, now: float) -> bool:
        """A check asks about a stream, in a round that has begun at a time; whether it may, by what
        the stream's row says of its expiry."""
        before = self._asked.get(stream_id)
        if before is not None and round_ <= before:
            return True  # of a round that was taken before, and has stalled
        self._asked[stream_id] = round_
        if before is None:
            return True
        has_expired_since = expiry is not None and before <= expiry <= now
        return round_ - before >= INTERVAL / 2 or has_expired_since
