"""How often provider tokens are renewed.

Source: Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.reasons import PROVIDER_TOKENS, Refusal

log = logging.getLogger("flask_allmine_liveactivity.simulator")

# Seconds that Apple wants between one provider token and the next.
SHORTEST_LIFE = 20 * 60
# Seconds after which one is of no use any more, and need not be remembered: twice its longest life.
_FORGOTTEN = 2 * 3600
_RIGHT = "Make one, share it, and keep it for 20 to 60 minutes."


class _Made(NamedTuple):
    """What tells a provider token from others."""

    key_id: str
    issued_at: int

    def is_renewed_by(self, other: _Made) -> bool:
        """Whether the other one has come too soon after this one, or beside it.

        An older one of the same key renews nothing: it is that of a process that has kept it. One
        of another key is one more, whichever of the two is older.
        """
        later = other.issued_at - self.issued_at
        if other.key_id == self.key_id:
            return 0 < later < SHORTEST_LIFE
        return abs(later) < SHORTEST_LIFE


class TokenUpdates:
    """Counts how often provider tokens are renewed.

    Apple wants 20 minutes between one and the next. A connection that changes them faster is
    refused (seen in github.com/Pr0Ger/PyAPNs2/issues/76). A fleet of processes that each make one
    of their own, for connections of their own, breaks the rule by the letter, and lives; a sender
    that makes one for each push does not. What Apple counts exactly is not published: so the count
    that is too much can be chosen. It is that of a team, over all its keys (an Apple engineer on
    the developer forum, thread 702056).

    Args:
        most: How many of one team may have been made within 20 minutes, told apart by their key and
            their ``iat``; ``1`` is the rule by the letter, ``None`` no rule at all, for connections
            neither.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._made: dict[str, set[_Made]] = {}

    def check_connection(self, connection: Connection, issued_at: int) -> Refusal | None:
        """That a connection keeps its provider token for 20 minutes.

        Args:
            connection: Where it came.
            issued_at: Its ``iat``, in seconds since the epoch.
        """
        former = connection.provider_token_made_at
        if self._most is None or former is None or not 0 < issued_at - former < SHORTEST_LIFE:
            return None
        return Refusal(
            "TooManyProviderTokenUpdates",
            f"the provider token was made {issued_at - former} s after the one that this "
            f"connection has used, and must be {SHORTEST_LIFE} s younger at least. {_RIGHT}",
        )

    def check(self, key: SigningKey, issued_at: int) -> Refusal | None:
        """Take note of a provider token that is good otherwise.

        Args:
            key: It was made with.
            issued_at: Its ``iat``, in seconds since the epoch.
        """
        this = _Made(key.key_id, issued_at)
        made = self._made.setdefault(key.team_id, set())
        if self._most is None or this in made:
            return None
        made -= {other for other in made if other.issued_at < issued_at - _FORGOTTEN}
        young = [other for other in made if other.is_renewed_by(this)]
        if not young:
            made.add(this)
            return None
        last = max(young, key=lambda other: other.issued_at)
        apart = issued_at - last.issued_at
        what = (
            f"the provider token was made {abs(apart)} s {'before' if apart < 0 else 'after'} one "
            f"of the same team (key {last.key_id!r}), and a team must use one for {SHORTEST_LIFE} "
            "s at least before it is renewed, with whichever key."
        )
        if len(young) >= self._most:
            return Refusal("TooManyProviderTokenUpdates", f"{what} {_RIGHT}")
        made.add(this)
        log.info(
            "Taken, but against a rule: %s One of %d that this server lets pass. "
            'Source: Apple, "%s".',
            what,
            self._most,
            PROVIDER_TOKENS,
        )
        return None
