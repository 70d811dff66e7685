"""Sessions as they may be shown, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage

# So many sessions are read at a time.
PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A session without its token, which no view may show. Times are seconds since the epoch."""

    session_id: str
    stream_id: str
    user_id: str | None
    """``None``: released or forgotten by its owner."""
    device_id: str
    activity_id: str
    fingerprint: str
    status: SessionStatus
    delivered: int
    """The revision of its stream that it has been told."""
    attempts: int
    """How often it was refused."""
    rejections: int
    """How often for its token."""
    reason: str | None
    """Of the last refusal."""
    environment: str | None
    """Apple's environment that its token is believed to be of; ``None``: nobody has said or seen
    it."""
    registered_at: float
    token_seen_at: float
    """When it was registered last."""
    expires_at: float
    """The end of its life."""
    due_at: float
    """Not tried before."""
    leased_until: float
    """A worker has claimed it until then, to push to it; 0: none has."""

    @classmethod
    def of(cls, session: Session) -> ListedSession:
        """What may be shown of a session."""
        return cls(
            session_id=session.session_id,
            stream_id=session.stream_id,
            user_id=session.user_id,
            device_id=session.device_id,
            activity_id=session.activity_id,
            fingerprint=session.fingerprint,
            status=session.status,
            delivered=session.delivered,
            attempts=session.attempts,
            rejections=session.rejections,
            reason=session.reason,
            environment=session.environment,
            registered_at=session.registered_at,
            token_seen_at=session.token_seen_at,
            expires_at=session.expires_at,
            due_at=session.due_at,
            leased_until=session.leased_until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """Some sessions by ascending id; at least one."""

    sessions: tuple[ListedSession, ...]
    next_page_after: str | None
    """Behind which session to go on where the limit was reached, and there may be more; ``None``:
    there are none, or they follow in the next page of the same listing."""


def pages_of_sessions(
    installation: Installation,
    *,
    stream: object = None,
    user_id: str | None = None,
    status: SessionStatus | None = None,
    limit: int = 100,
    after: str = "",
) -> Iterator[SessionPage]:
    """List sessions by ascending id, in pages, so that memory stays flat.

    Args:
        installation: Of the app.
        stream: Only of this one; in any form of its id.
        user_id: Only of this user.
        status: Only these.
        limit: How many at the most, over all pages.
        after: Only those behind this session.
    """
    stream_id = None if stream is None else installation.stream_id(stream)
    return _pages(installation.storage, stream_id, user_id, status, limit, after)


def _pages(
    storage: Storage,
    stream_id: str | None,
    user_id: str | None,
    status: SessionStatus | None,
    limit: int,
    after: str,
) -> Iterator[SessionPage]:
    left = limit
    while left:
        asked = min(PAGE, left)
        page = storage.sessions.page(
            after=after, limit=asked, stream_id=stream_id, user_id=user_id, status=status
        )
        left -= len(page)
        if page:
            after = page[-1].session_id
            yield SessionPage(
                sessions=tuple(map(ListedSession.of, page)),
                next_page_after=None if left else after,
            )
        if len(page) < asked:
            return
