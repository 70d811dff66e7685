"""What becomes of a claimed session."""

from __future__ import annotations

from dataclasses import dataclass

from flask_allmine_liveactivity.model.session import Session, SessionStatus


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What a claimed session becomes.

    .. versionadded:: 0.1.0
    """

    session: Session
    """As it was claimed."""
    status: SessionStatus
    delivered: int
    attempts: int
    rejections: int
    due_at: float
    reason: str | None
    whoever_holds_the_lease: bool
    """``True``: it counts while the token is still the one pushed to. ``False``: only while the
    claim is still ours."""
    not_seen_after: float | None = None
    """It counts only if the phone has not registered after this time."""
    refused: int = 0
    """The revision whose push was refused last."""
    environment: str | None = None
    """Apple's environment that its token is known to be of by now."""

    @property
    def is_told(self) -> bool:
        """Whether it has been told something newer: that counts only where it has been told nothing
        newer still, for answers may come late.

        .. versionadded:: 0.1.0
        """
        return self.delivered > self.session.delivered
