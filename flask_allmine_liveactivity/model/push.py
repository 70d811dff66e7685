"""One notification, and what the push service makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from flask_allmine_liveactivity.model.session import Session

# Apple, "Sending notification requests to APNs": 10 sends at once, 5 as the phone's battery allows.
# Of high priority the phone has a budget, over which it drops them.
AT_ONCE = 10
AS_POWER_ALLOWS = 5


class Verdict(StrEnum):
    """What an answer of the push service means for the token that was pushed to.

    .. versionadded:: 0.1.0
    """

    DELIVERED = "delivered"
    """Accepted."""
    GONE = "gone"
    """410: the token is dead since a time that the answer gives."""
    REJECTED = "rejected"
    """This token does not work, for another reason."""
    RETRY = "retry"
    """Later, for this token."""
    UNREACHABLE = "unreachable"
    """No answer: it says nothing of the token."""
    ODD = "odd"
    """An answer that nobody knows: it is the token's own until many different ones have it."""
    MISCONFIGURED = "misconfigured"
    """The same for every token: a person has to mend something."""
    POSTPONED = "postponed"
    """Not sent: its environment does not answer, or is out of use, and the other one goes on."""


@dataclass(slots=True, kw_only=True)
class Push:
    """One notification for one token.

    .. versionadded:: 0.1.0
    """

    token: str = field(repr=False)
    payload: bytes = field(repr=False)
    """One object shared by all pushes of an event."""
    apns_id: str
    priority: int
    expiration: int
    """Seconds since the epoch until when the push service keeps trying."""
    target: Session | None = field(default=None, repr=False)
    """Who is told by it; ``None``: nobody of ours, as where a key is tried out."""
    environment: str | None = None
    """The environment that its token is believed to be of, ``production`` or ``sandbox``; ``None``:
    nobody knows. A hint: a backend of one environment need not look at it, and one of both writes
    here what it has come to believe."""

    @property
    def session(self) -> Session:
        """The session that is told by it.

        Raises:
            TypeError: It has none.

        .. versionadded:: 0.1.0
        """
        if self.target is None:
            raise TypeError("this push is for no session")
        return self.target


@dataclass(slots=True)
class PushResult:
    """What became of one push.

    .. versionadded:: 0.1.0
    """

    push: Push
    verdict: Verdict
    status: int | None = None
    reason: str | None = None
    retry_after: float | None = None
    """Seconds from now."""
    gone_since: float | None = None
    """Since when the token is dead, in seconds since the epoch."""
    environment: str | None = None
    """The environment that was asked; ``None``: there is but one."""
    others_go_on: bool = False
    """Where it is an obstacle: it is this environment's alone. The push is then postponed, by
    ``retry_after`` where that is given, and no other is kept waiting."""
