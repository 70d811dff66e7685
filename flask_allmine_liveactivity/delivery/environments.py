"""What results say of the push service's environments: where a token is of, and what is wrong with
one of them alone."""

from __future__ import annotations

from dataclasses import replace

from flask_allmine_liveactivity.model import PushResult, Verdict

# A push whose backend does not say when is postponed for so many seconds.
POSTPONED_FOR = 60.0
_OBSTACLES = frozenset({Verdict.UNREACHABLE, Verdict.MISCONFIGURED})


def environment_of_token(result: PushResult) -> str | None:
    """The environment that a token is believed to be of after a push; ``None``: as before."""
    if result.verdict is Verdict.DELIVERED and result.environment is not None:
        return result.environment
    return result.push.environment or result.push.session.environment


class Aside:
    """What was wrong in a run with one environment, while the other went on."""

    def __init__(self) -> None:
        self.troubles: dict[str, PushResult] = {}
        """The first of each environment that had any."""
        self.postponed = 0
        """How many sessions wait for it."""

    def put(self, result: PushResult) -> PushResult:
        """The result, made ``POSTPONED`` where it is no obstacle but for its own environment."""
        alone = result.verdict in _OBSTACLES and result.others_go_on
        if not alone and result.verdict is not Verdict.POSTPONED:
            return result
        self.postponed += 1
        self.troubles.setdefault(result.environment or "", result)
        wait = POSTPONED_FOR if result.retry_after is None else result.retry_after
        return replace(result, verdict=Verdict.POSTPONED, retry_after=wait)
