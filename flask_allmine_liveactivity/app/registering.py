"""A phone registers: the guard is asked, the session is stored, and its stream is looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask_allmine_liveactivity.model import StreamEvent
from flask_allmine_liveactivity.model.canonical import canonical_token
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, MissingEnd, register
from flask_allmine_liveactivity.streams.earlier_spellings import end_kept_earlier

if TYPE_CHECKING:
    from flask_allmine_liveactivity.app.installation import Installation

# The guard is asked so often where somebody decides something else about the stream meanwhile.
TRIES = 3


def register_phone(
    installation: Installation,
    *,
    user_id: str,
    stream_id: str,
    device_id: str,
    activity_id: str,
    token: str,
    environment: str | None = None,
) -> Answer:
    """Register a phone's session, and have it told at once what there is to tell.

    Raises:
        StreamNotFound: As the guard raises it.
        StreamForbidden: The same.
        ConfigurationError: Nobody has said who may follow what, or nothing can be pushed.
    """
    installation.require_push()
    claimant = Claimant(
        user_id=user_id,
        device_id=device_id,
        activity_id=activity_id,
        stream_id=installation.stream_id(stream_id),
        token=canonical_token(token),
        environment=environment,
    )
    stream_id = claimant.stream_id
    ended = installation.repairs.ask_guard(stream_id, user_id)
    to_be_told: list[bool] = []
    for _ in range(TRIES):
        missing_end = _missing_end(installation, claimant, has_ended=ended is not None)
        now = time.time()
        answer = register(
            installation.storage,
            claimant,
            now=now,
            lifetime=installation.settings.session_lifetime,
            max_per_user=installation.settings.max_sessions_per_user,
            ask_at=installation.next_question(now),
            missing_end=missing_end,
            announced=installation.event_log.announced,
            to_be_told=lambda: to_be_told.append(True),
            earlier_spellings=installation.earlier_spellings(stream_id),
        )
        if answer is not Answer.REGISTERED or missing_end is None:
            break
    installation.event_log.registered(stream_id, answer.value, claimant.token)
    if to_be_told:
        installation.dispatch.wake(stream_id)
    return answer


def _missing_end(
    installation: Installation, claimant: Claimant, *, has_ended: bool
) -> MissingEnd | None:
    """The end that nobody has announced yet, if the guard knows of one, or an earlier version."""
    storage, stream_id = installation.storage, claimant.stream_id
    if has_ended:
        missing = installation.repairs.of(storage, stream_id, claimant.user_id)
        if missing is not None:
            return missing
    earlier = installation.earlier_spellings(stream_id)
    end = end_kept_earlier(storage, stream_id, earlier, time.time()) if earlier else None
    if end is None:
        return None
    row: StreamEvent | None = storage.streams.read(stream_id)
    return MissingEnd(end, row) if row is None or row.revision == 0 else None
