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
    Push,
    StreamEvent,
    StreamState,
    new_apns_ids,
    next_event,
)
from flask_allmine_liveactivity.push.base import storable
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

PACKAGE = __name__.partition(".")[0]
# Hex, so that Apple refuses it for what it is and not for its form.
BOGUS_TOKEN = "00" * 32


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look has shown."""

    subject: str
    ok: bool
    detail: str


def check_installation(installation: Installation) -> list[Finding]:
    """Look at configuration, storage, push, guard and JWT, without sending anything."""
    return [
        _configuration(installation),
        *_delivery(installation),
        _look("storage", lambda: _storage(installation)),
        _look("push", lambda: type(installation.push).__name__),
        _guard(installation),
        *_async_callbacks(installation),
        _look("jwt", _jwt),
        *_logging(),
    ]


def probe(installation: Installation) -> Finding:
    """Send a bogus token: Apple knows us if it answers ``BadDeviceToken``."""
    push = Push(
        token=BOGUS_TOKEN,
        payload=installation.push.encode(_an_end()),
        apns_id=next(new_apns_ids()),
        priority=10,
        expiration=0,
    )
    try:
        result = storable(next(iter(installation.push.send([push]))))
    except LiveActivityError as error:
        return Finding("probe", False, str(error))
    if result.reason == "BadDeviceToken":
        return Finding("probe", True, "Apple knows us: it refused the bogus token, not the key")
    said = result.reason or result.verdict.value
    remedy = installation.push.remedy(said)
    so = f"{said}: {remedy}" if remedy else said
    return Finding("probe", False, f"expected BadDeviceToken, and the answer was {so}")


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
    for subject in ("guard", "content_state", "user_id_loader"):
        try:
            current_app.ensure_sync(getattr(callbacks, subject))
        except RuntimeError as error:
            unable.append(Finding(subject, False, f"it is async. {error}"))
    return unable


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
