"""Sessions, announcements and settlements, each as a test needs it and plain otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask_allmine_liveactivity.model import (
    NEVER,
    Announcement,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    StreamState,
    new_id,
)
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution

NOW = 1_790_000_000.0
HOUR = 3600.0
LEASE = 60.0
STREAM = "65f1c0ffee65f1c0ffee65f1"
OTHER_STREAM = "65f1c0ffee65f1c0ffee0000"

_numbers = itertools.count(1)


def a_session(**given: Any) -> Session:
    """A session that shares nothing unique with any other."""
    number = next(_numbers)
    plain: dict[str, Any] = {
        "session_id": new_id(),
        "user_id": f"user-{number}",
        "device_id": f"device-{number}",
        "activity_id": f"activity-{number}",
        "stream_id": STREAM,
        "token": f"{number:064x}",
        "identity": f"identity-{number}",
        "activity_lock": f"activity-{number}",
        "registered_at": NOW,
        "token_seen_at": NOW,
        "expires_at": NOW + 12 * HOUR,
        "due_at": NOW,
    }
    return Session(**{**plain, **given})


def an_announcement(**given: Any) -> Announcement:
    """The end of ``STREAM``."""
    plain: dict[str, Any] = {
        "stream_id": STREAM,
        "event": "end",
        "state": StreamState.STARTED,
        "content_state": None,
        "alert": None,
        "dismissal_date": None,
        "said": "started",
        "expires_at": NOW + 24 * HOUR,
    }
    return Announcement(**{**plain, **given})


def an_update(**given: Any) -> Announcement:
    """New content for ``STREAM``."""
    plain: dict[str, Any] = {
        "event": "update",
        "state": None,
        "content_state": {"title": "renamed"},
        "said": "renamed",
        "priority": 5,
    }
    return an_announcement(**{**plain, **given})


def keep(storage: Storage, **given: Any) -> Session:
    """Store a session as it is."""
    session = a_session(**given)
    storage.sessions.register(
        session, lambda met: Resolution(outcome=Outcome.STORED, write=session)
    )
    return session


def keep_many(storage: Storage, rows: int, **given: Any) -> list[Session]:
    """Store several sessions."""
    return [keep(storage, **given) for _ in range(rows)]


def everything(storage: Storage, **wanted: Any) -> list[Session]:
    """All sessions of a small storage."""
    return storage.sessions.page(limit=10_000, **wanted)


def clear(storage: Storage) -> None:
    storage.purge(NEVER)


def ids(sessions: list[Session]) -> set[str]:
    """Their ids."""
    return {session.session_id for session in sessions}


def stored(storage: Storage, session: Session) -> Session | None:
    """A session as it stands now."""
    return next((row for row in everything(storage) if row.session_id == session.session_id), None)


def found(storage: Storage, session: Session) -> Session:
    """A session as it stands now; it must be there."""
    row = stored(storage, session)
    assert row is not None
    return row


def the_event(storage: Storage, stream_id: str = STREAM) -> StreamEvent:
    """A stream's event; it must be there."""
    event = storage.streams.read(stream_id)
    assert event is not None
    return event


def take(
    storage: Storage,
    *,
    stream_id: str = STREAM,
    revision: int = 1,
    limit: int = 100,
    now: float = NOW,
    lease: float = LEASE,
    round_robin: bool = False,
) -> list[Session]:
    """Claim under a claim id of its own."""
    return storage.sessions.claim(
        stream_id,
        revision,
        claim_id=new_id(),
        limit=limit,
        now=now,
        leased_until=now + lease,
        round_robin=round_robin,
    )


def delivered(session: Session, revision: int = 1, **given: Any) -> Settlement:
    """It has been told."""
    plain: dict[str, Any] = {
        "session": session,
        "status": SessionStatus.ENDED,
        "delivered": revision,
        "attempts": session.attempts,
        "rejections": session.rejections,
        "due_at": NOW + 30,
        "reason": None,
        "whoever_holds_the_lease": True,
    }
    return Settlement(**{**plain, **given})


def updated(session: Session, revision: int = 1, **given: Any) -> Settlement:
    """It has been told an update, and runs on."""
    plain: dict[str, Any] = {"status": SessionStatus.ACTIVE, "due_at": NOW}
    return delivered(session, revision, **{**plain, **given})


def gone(session: Session, **given: Any) -> Settlement:
    """Its token is dead."""
    return replace(
        delivered(session, session.delivered, reason="Unregistered", attempts=session.attempts + 1),
        status=SessionStatus.DEAD,
        **given,
    )


def later(session: Session, due_at: float = NOW + 8, **given: Any) -> Settlement:
    """It is to be tried again."""
    plain: dict[str, Any] = {
        "session": session,
        "status": SessionStatus.ACTIVE,
        "delivered": session.delivered,
        "attempts": session.attempts + 1,
        "rejections": session.rejections,
        "due_at": due_at,
        "reason": "InternalServerError",
        "whoever_holds_the_lease": False,
    }
    return Settlement(**{**plain, **given})


def each_order(steps: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Every order in which actors can take their steps, each actor's own in sequence."""
    if not any(steps.values()):
        yield ()
        return
    for actor, left in steps.items():
        if left:
            for rest in each_order({**steps, actor: left - 1}):
                yield (actor, *rest)
