"""Whether a refusal tells of one token or of all: what the others are answered decides it."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.model import PushResult, Session, Verdict

# So many different users in a row have to be refused alike, and nobody answered otherwise, before
# a refusal counts as the same for every token: fewer where Apple lists it as such than where
# nobody knows it, since a stranger may register what is refused oddly, and more than once.
SEVERAL = 3
MANY = 10

# What only somebody is answered whose push service works, with this key and for this app.
_TELLING = frozenset({Verdict.DELIVERED, Verdict.GONE, Verdict.REJECTED})
_NEEDED = {Verdict.MISCONFIGURED: SEVERAL, Verdict.ODD: MANY}

# What a refusal is known by: its status and its reason.
Refusal = tuple[int | None, str | None]


class Refusals:
    """Keeps back refusals of which it is not known yet how far they reach. One object a run."""

    def __init__(self) -> None:
        self._refused: dict[str, list[PushResult]] = {}  # by user
        self._refusal: Refusal | None = None
        self._the_same_for_all: Refusal | None = None

    def weigh(self, result: PushResult) -> list[PushResult]:
        """The results of which it is known now what they mean: perhaps none, perhaps several.

        Their verdict is never ``ODD``, and ``MISCONFIGURED`` where it is the same for all.
        """
        if result.verdict not in _NEEDED:
            if result.verdict not in _TELLING:
                return [result]
            self._the_same_for_all = None
            return [*self._acquit(), result]
        refusal = (result.status, result.reason)
        if refusal == self._the_same_for_all:
            return [replace(result, verdict=Verdict.MISCONFIGURED)]
        session = result.push.session
        if session.attempts > 0 and session.reason == result.reason:
            return [replace(result, verdict=Verdict.RETRY)]  # it is known for it
        decided = [] if refusal == self._refusal else self._acquit()
        self._refusal = refusal
        self._refused.setdefault(_whose(session), []).append(result)
        if len(self._refused) >= _NEEDED[result.verdict]:
            self._the_same_for_all = refusal
            decided += self._as(Verdict.MISCONFIGURED)
        return decided

    def decide(self) -> list[PushResult]:
        """The results that were still kept back: nobody else was answered, or will be.

        What Apple lists as the same for all is believed, and what nobody knows is the token's own.
        """
        listed = any(
            result.verdict is Verdict.MISCONFIGURED
            for results in self._refused.values()
            for result in results
        )
        return self._as(Verdict.MISCONFIGURED) if listed else self._acquit()

    def _acquit(self) -> list[PushResult]:
        return self._as(Verdict.RETRY)

    def _as(self, verdict: Verdict) -> list[PushResult]:
        kept = [replace(each, verdict=verdict) for some in self._refused.values() for each in some]
        self._refused, self._refusal = {}, None
        return kept


def _whose(session: Session) -> str:
    return session.token if session.user_id is None else f"user {session.user_id}"
