"""What all phones of one `Phones` share: the time, a lock, Apple's book of tokens."""

from __future__ import annotations

import random
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_allmine_liveactivity.model.content_state import ContentState
from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.phones.activity import Activity

# "Don't make assumptions about its size" (Apple); those of Live Activities are seen with 160 hex
# digits.
_TOKEN_BITS = 640


@dataclass(slots=True)
class Token:
    """A device token that Apple has given out; it is never forgotten."""

    value: str = field(repr=False)
    phone_id: str
    activity: Activity | None
    """Whose runtime token it is; ``None``: it is a push-to-start token."""
    dead: Answer | None = None
    """What Apple answers since it was replaced, or since it learned that its app was deleted."""
    orphaned: bool = False
    """Whether its app was deleted, and Apple does not know yet: it is answered with 200."""

    def refusal(self) -> Answer | None:
        """What Apple answers to a push, where it is not accepted."""
        if self.dead is not None or self.orphaned or self.activity is None:
            return self.dead
        # Seen of Apple for an activity that has ended, and at exactly eight hours.
        ended_at = self.activity.ended_at
        return None if ended_at is None else Answer.expired_token(ended_at)


class World:
    """Shared by phones.

    Args:
        clock: Seconds since the epoch.
        source: Of tokens and ids; ``None``: the system's, which nobody can guess.
        content_state: What the app has declared; ``None``: any object decodes.
        attributes_type: The app's ``ActivityAttributes`` type; ``None``: any.
        budget: Pushes of priority 10 per activity and hour; ``None``: no limit.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        source: random.Random | None,
        content_state: ContentState | None,
        attributes_type: str | None,
        budget: int | None,
    ) -> None:
        self.clock = clock
        self.content_state = content_state
        self.attributes_type = attributes_type
        self.budget = budget
        self.lock = threading.RLock()
        """Held for each change; never while anything outside the phones is called."""
        self._bits: Callable[[int], int] = source.getrandbits if source else secrets.randbits
        self._tokens: dict[str, Token] = {}

    def issue_token(self, phone_id: str, activity: Activity | None) -> Token:
        """A new token, unlike all others."""
        value = f"{self._bits(_TOKEN_BITS):0160x}"
        token = self._tokens[value] = Token(value, phone_id, activity)
        return token

    def token(self, value: str) -> Token | None:
        """The token, dead or alive; ``None``: no phone here has ever had it."""
        return self._tokens.get(value)

    def decode(self, content_state: Mapping[str, Any] | None) -> dict[str, Any]:
        """What an app starts an activity with; nothing is an empty one.

        Raises:
            Undecodable: It is not what the app has declared.
        """
        if content_state is None or self.content_state is None:
            return dict(content_state or {})
        return self.content_state.decode(dict(content_state))

    def new_activity_id(self) -> str:
        """A UUID, in capitals as ActivityKit has them."""
        return str(uuid.UUID(int=self._bits(128), version=4)).upper()
