"""Why a stream's phones show what they show: what each was answered, and when it is tried again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.app.operations.listing import ListedSession, pages_of_sessions
from flask_allmine_liveactivity.app.operations.standing import next_question
from flask_allmine_liveactivity.model import SessionStatus, StreamEvent

ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone as its stream stands."""

    session: ListedSession
    pending: bool
    """Whether it is still to be told."""
    under_way: bool
    """Whether somebody has claimed it, to push to it."""
    follows: bool
    """Whether its activity runs, and nothing is to be told now: there is no end, and it shows the
    latest that was said."""
    updated: bool
    """Whether that is an update, which it has been told."""
    next_try: float | None
    """When it is pushed to next, in seconds since the epoch, perhaps in the past: then it is due.
    ``None``: nothing is to be told, or it is told or given up."""

    @property
    def answer(self) -> str | None:
        """What the last push was answered; ``None``: it was not refused, or not asked yet."""
        session = self.session
        is_told = self.updated and session.reason is None
        return ACCEPTED if is_told or session.status is SessionStatus.ENDED else session.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PhonesOfStream:
    """A stream and some of its phones."""

    at: float
    """When they stood so, in seconds since the epoch."""
    stream_id: str
    event: StreamEvent | None
    """What they must be told."""
    phones: tuple[Phone, ...]
    next_question: float | None
    """When the host is asked what the stream is, in seconds since the epoch; ``None``: it is not.
    """
    next_page_after: str | None
    """Behind which session to go on; ``None``: there are no more."""

    @property
    def next_look(self) -> float | None:
        """When delivery looks at the stream next, in seconds since the epoch; ``None``: there is
        nothing to tell."""
        event = self.event
        return None if event is None or event.event is None else event.due_at

    @property
    def is_kept_up_to_date(self) -> bool:
        """Whether there may be an update before the stream's end."""
        event = self.event
        return event is not None and (event.is_update or event.countdown is not None)


def why(
    installation: Installation,
    stream: object,
    *,
    user_id: str | None = None,
    status: SessionStatus | None = None,
    limit: int = 100,
    after: str = "",
) -> PhonesOfStream:
    """See what each phone of a stream was answered, and when it is tried again.

    Args:
        installation: Of the app.
        stream: In any form of its id.
        user_id: Only of this user.
        status: Only these; ``ACTIVE``: those that run.
        limit: How many at the most.
        after: Only those behind this session.
    """
    stream_id = installation.stream_id(stream)
    event = installation.storage.streams.read(stream_id)
    now = time.time()
    phones: list[Phone] = []
    behind = None
    for page in pages_of_sessions(
        installation, stream=stream_id, user_id=user_id, status=status, limit=limit, after=after
    ):
        phones += [_phone(session, event, now) for session in page.sessions]
        behind = page.next_page_after
    return PhonesOfStream(
        at=now,
        stream_id=stream_id,
        event=event,
        phones=tuple(phones),
        next_question=next_question(installation, event),
        next_page_after=behind,
    )


def _phone(session: ListedSession, event: StreamEvent | None, now: float) -> Phone:
    running = session.status is SessionStatus.ACTIVE and session.expires_at > now
    if not running or event is None or event.event is None or session.delivered >= event.revision:
        return Phone(
            session=session,
            pending=False,
            under_way=False,
            follows=running,
            updated=running and event is not None and event.is_update,
            next_try=None,
        )
    return Phone(
        session=session,
        pending=True,
        under_way=session.leased_until > now,
        follows=False,
        updated=False,
        # Its turn comes with its stream's, and that of one that was claimed by a dead worker when
        # the lease ends.
        next_try=max(session.due_at, session.leased_until, event.due_at),
    )
