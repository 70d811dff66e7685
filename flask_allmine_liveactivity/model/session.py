"""One running Live Activity on one phone, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from flask_allmine_liveactivity.model.ids import fingerprint


class SessionStatus(StrEnum):
    """Where a session stands: still to be told, told, or given up.

    .. versionadded:: 0.1.0
    """

    ACTIVE = "active"
    ENDED = "ended"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """Read of a row whose status this version does not know; never written, and left alone."""


@dataclass(slots=True)
class Session:
    """One running Live Activity on one phone.

    .. versionadded:: 0.1.0
    """

    session_id: str
    user_id: str | None
    """``None``: released or forgotten by its owner, kept until it has been ended."""
    device_id: str
    activity_id: str
    stream_id: str
    token: str = field(repr=False)
    identity: str
    """Unique: one row for one activity of one user on one device."""
    activity_lock: str
    """Unique: the activity where this row keeps other users from it, else its own id."""
    registered_at: float
    token_seen_at: float
    expires_at: float
    status: SessionStatus = SessionStatus.ACTIVE
    delivered: int = 0
    """The revision of its stream's event that it has been told."""
    attempts: int = 0
    rejections: int = 0
    """How often in this life the token was rejected; see ``Verdict.REJECTED``."""
    due_at: float = 0.0
    """Not to be claimed before. For an ended or dead row: not to be told again before."""
    reason: str | None = None
    """Why the last push did not reach it."""
    environment: str | None = None
    """Apple's environment that its token is known to be of, ``production`` or ``sandbox``;
    ``None``: nobody has said or seen it."""
    refused: int = 0
    """The revision whose push was refused last: it waits because of that one."""
    claim_id: str | None = None
    """Of whoever has claimed it; only an active one is ever claimed."""
    leased_until: float = 0.0
    """Whoever has claimed it has it until then; 0: nobody has. Not in ``due_at``: what is indexed
    stays as it is, and so a claim is a cheap write."""

    @property
    def fingerprint(self) -> str:
        """The token's short name, for logs and lists.

        .. versionadded:: 0.1.0
        """
        return fingerprint(self.token)
