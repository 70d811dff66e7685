"""What ``flask live-activity check`` looks at: all that ``init_app`` could not see."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask_allmine_liveactivity.blueprint.authentication import require_jwt_manager
from flask_allmine_liveactivity.errors import LiveActivityError
from flask_allmine_liveactivity.installation import Installation
from flask_allmine_liveactivity.model import Push, Session, new_apns_ids
from flask_allmine_liveactivity.push.apns.payload import end_payload

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
    settings = installation.settings
    return [
        Finding("configuration", True, f"delivery by {settings.delivery}"),
        *_delivery(installation),
        _look("storage", lambda: _storage(installation)),
        _look("push", lambda: type(installation.push).__name__),
        _guard(installation),
        _look("jwt", _jwt),
    ]


def probe(installation: Installation) -> Finding:
    """Send a bogus token: Apple knows us if it answers ``BadDeviceToken``."""
    now = time.time()
    session = Session(
        session_id="probe",
        user_id=None,
        device_id="probe",
        activity_id="probe",
        stream_id="probe",
        token=BOGUS_TOKEN,
        identity="probe",
        hold="probe",
        registered_at=now,
        token_seen_at=now,
        expires_at=now,
    )
    push = Push(
        token=BOGUS_TOKEN,
        payload=end_payload(
            timestamp=int(now), content_state=None, alert=None, dismissal_date=int(now)
        ),
        apns_id=next(new_apns_ids()),
        priority=10,
        expiration=0,
        session=session,
    )
    try:
        result = next(iter(installation.push.send([push])))
    except LiveActivityError as error:
        return Finding("probe", False, str(error))
    if result.reason == "BadDeviceToken":
        return Finding("probe", True, "Apple knows us: it refused the bogus token, not the key")
    said = result.reason or result.verdict.value
    return Finding("probe", False, f"expected BadDeviceToken, and the answer was {said}")


def _delivery(installation: Installation) -> list[Finding]:
    try:
        said = installation.dispatch.check()
    except LiveActivityError as error:
        return [Finding("delivery", False, str(error))]
    return [] if said is None else [Finding("delivery", True, said)]


def _storage(installation: Installation) -> str:
    installation.storage.prepare()
    counts = installation.storage.counts(time.time())
    return f"{type(installation.storage).__name__} answers; {counts.active} sessions running"


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


def _jwt() -> str:
    require_jwt_manager()
    return "Flask-JWT-Extended is set up"


def _look(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except LiveActivityError as error:
        return Finding(subject, False, str(error))
