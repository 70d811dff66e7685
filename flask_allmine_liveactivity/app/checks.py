"""What ``flask live-activity check`` looks at: all that ``init_app`` could not see."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from flask_allmine_liveactivity.app.installation import TOO_LATE, Installation
from flask_allmine_liveactivity.app.jwt_manager import require_jwt_manager
from flask_allmine_liveactivity.errors import LiveActivityError
from flask_allmine_liveactivity.model import (
    NEVER,
    Push,
    SessionStatus,
    StreamEvent,
    StreamState,
    new_apns_ids,
    next_event,
)
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.host_answers import HostAnswer, Silence
from flask_allmine_liveactivity.model.utc import utc
from flask_allmine_liveactivity.push.base import storable
from flask_allmine_liveactivity.storage.base import TO_BE_MADE, Storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

PACKAGE = __name__.partition(".")[0]
# Hex, so that Apple refuses it for what it is and not for its form.
BOGUS_TOKEN = "00" * 32
# So many sessions and streams are looked at to find one that the host can be asked about.
LOOKED_AT = 20
NOT_ASKED = (
    "none: with a function at @live_activity.streams an end that the app does not announce is "
    "found by asking it, and running countdowns follow what it says"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look has shown."""

    subject: str
    ok: bool
    detail: str


def check_installation(installation: Installation) -> list[Finding]:
    """Look at configuration, storage, push, callbacks and JWT, without sending anything."""
    storage = _look("storage", lambda: _storage(installation))
    return [
        _configuration(installation),
        *_delivery(installation),
        storage,
        _look("push", lambda: type(installation.push).__name__),
        _guard(installation),
        *_streams(installation, may_look=storage.ok and TO_BE_MADE not in storage.detail),
        *_async_callbacks(installation),
        _look("jwt", _jwt),
        *_logging(),
    ]


def probe(installation: Installation) -> list[Finding]:
    """Send a bogus token to each environment in use: Apple knows us there if it answers
    ``BadDeviceToken``."""
    environments = installation.push.environments
    if not environments:
        return [_probe(installation, "probe", None)]
    return [_probe(installation, f"probe {each}", each) for each in environments]


def _probe(installation: Installation, subject: str, environment: str | None) -> Finding:
    push = Push(
        token=BOGUS_TOKEN,
        payload=installation.push.encode(_an_end()),
        apns_id=next(new_apns_ids()),
        priority=10,
        expiration=0,
        environment=environment,
    )
    try:
        result = storable(next(iter(installation.push.send([push]))))
    except LiveActivityError as error:
        return Finding(subject, False, str(error))
    if result.reason == "BadDeviceToken":
        return Finding(subject, True, "Apple knows us: it refused the bogus token, not the key")
    said = result.reason or result.verdict.value
    remedy = installation.push.remedy(said)
    so = f"{said}: {remedy}" if remedy else said
    return Finding(subject, False, f"expected BadDeviceToken, and the answer was {so}")


def _an_end() -> StreamEvent:
    now = time.time()
    announcement = announcement_of_end(
        "probe",
        StreamState.CANCELLED,
        content_state=None,
        alert=None,
        dismiss_after=0,
        now=now,
        ttl=0,
    )
    return next_event(None, announcement, now)


def _configuration(installation: Installation) -> Finding:
    if changed := installation.changed_settings:
        return Finding("configuration", False, TOO_LATE % ", ".join(changed))
    return Finding("configuration", True, f"delivery by {installation.settings.delivery}")


def _delivery(installation: Installation) -> list[Finding]:
    try:
        said = installation.dispatch.check()
    except LiveActivityError as error:
        return [Finding("delivery", False, str(error))]
    return [] if said is None else [Finding("delivery", True, said)]


def _storage(installation: Installation) -> str:
    storage = installation.storage
    return f"{type(storage).__name__} {storage.check(time.time())}"


def _guard(installation: Installation) -> Finding:
    if installation.callbacks.guard is not None:
        return Finding("guard", True, "a stream guard is set")
    if installation.settings.allow_any_stream:
        return Finding("guard", True, "LIVE_ACTIVITY_ALLOW_ANY_STREAM: everybody may register")
    return Finding(
        "guard",
        False,
        "none: decorate a function with @live_activity.stream_guard, or set "
        "LIVE_ACTIVITY_ALLOW_ANY_STREAM = True",
    )


def _async_callbacks(installation: Installation) -> list[Finding]:
    """Those that Flask cannot run, since it was installed without its extra."""
    callbacks = installation.callbacks
    unable = []
    for subject in ("guard", "streams", "content_state", "user_id_loader"):
        try:
            current_app.ensure_sync(getattr(callbacks, subject))
        except RuntimeError as error:
            unable.append(Finding(subject, False, f"it is async. {error}"))
    return unable


def _streams(installation: Installation, *, may_look: bool) -> list[Finding]:
    """Whether the host answers what a stream is that has a row here. Nothing is written.

    Args:
        installation: Of the app.
        may_look: Whether the storage can be looked at, without making anything.
    """
    callback = installation.callbacks.streams
    if callback is None:
        return [Finding("streams", True, NOT_ASKED)]
    every = f"asked every {installation.settings.check_interval:g} s"
    try:
        current_app.ensure_sync(callback)
    except RuntimeError:
        return []  # it is async, and said to be so
    stream_id = _stream_to_ask_about(installation.storage) if may_look else None
    if stream_id is None:
        return [Finding("streams", True, f"{every}; there is no stream yet to try it with")]
    try:
        answer = installation.streams.ask_strictly(stream_id)
    except Exception as error:  # whatever the host's callback raises
        said = f"asked about stream {stream_id}: {type(error).__name__}: {error}"
        return [Finding("streams", False, said)]
    return [Finding("streams", True, f"{every}; of stream {stream_id} it says {_shown(answer)}")]


def _stream_to_ask_about(storage: Storage) -> str | None:
    """One that is asked about soon: of those that some phones follow, and of some others."""
    running = storage.sessions.page(limit=LOOKED_AT, status=SessionStatus.ACTIVE)
    followed = dict.fromkeys(session.stream_id for session in running)
    rows = [storage.streams.read(stream_id) for stream_id in followed]
    rows += storage.streams.due(NEVER, LOOKED_AT)
    due = {row.stream_id: row.check_at for row in rows if row is not None and row.check_at}
    return min(due, key=lambda stream_id: due[stream_id], default=None)


def _shown(answer: HostAnswer) -> str:
    if isinstance(answer, Silence):
        return "nothing: it is asked again later"
    if isinstance(answer, Countdown):
        return f"that it starts at {utc(answer.kept()['starts_at'])}"
    return "that it is to come, with nothing to show" if answer is None else f"{answer.value}"


def _jwt() -> str:
    require_jwt_manager()
    return "Flask-JWT-Extended is set up"


def _logging() -> list[Finding]:
    """``fileConfig`` disables the loggers that there are, unless it is told not to.

    A library must not enable them again: a host may have meant it.
    """
    disabled = [
        name
        for name, logger in list(logging.root.manager.loggerDict.items())
        if name.partition(".")[0] == PACKAGE
        and isinstance(logger, logging.Logger)
        and logger.disabled
    ]
    if not disabled:
        return []
    return [
        Finding(
            "logging",
            False,
            f"{len(disabled)} of our loggers are disabled ({min(disabled)}, ...), and errors of "
            "delivery are not seen: something has called logging.config.fileConfig or dictConfig, "
            "such as the env.py of Flask-Migrate, which disables all loggers that there are. Pass "
            "it disable_existing_loggers=False",
        )
    ]


def _look(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except LiveActivityError as error:
        return Finding(subject, False, str(error))
