"""What the page shows, as JSON. Of tokens and keys it shows fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_allmine_liveactivity.simulator.page.outlook import Outlook
from flask_allmine_liveactivity.simulator.page.showable import showable
from flask_allmine_liveactivity.simulator.phones import Activity, Event, Phone, Phones
from flask_allmine_liveactivity.simulator.received import Received
from flask_allmine_liveactivity.simulator.request import DEVICE_PATH, fingerprint

_LATEST_EVENTS = 30

Owner = Mapping[str, Any]
"""Of a token: the phone, and the stream that its activity is of."""


class Owners:
    """Whose a token is, or was: a push to one that has rotated is still a push to its phone."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._by_fingerprint: dict[str, Owner] = {}
        self._latest: dict[str, Received] = {}

    def learn(self, phone: Phone) -> None:
        """Remember the tokens that a phone has now."""
        about = {"phoneId": phone.id, "phone": phone.name}
        if phone.push_to_start_token is not None:
            self._by_fingerprint[fingerprint(phone.push_to_start_token)] = about
        for activity in phone.activities:
            if activity.token is not None:
                of = {
                    "activityId": activity.id,
                    "streamId": activity.stream_id,
                    "title": _title(activity),
                }
                self._by_fingerprint[fingerprint(activity.token)] = {**about, **of}

    def of(self, token: str) -> Owner:
        """The owner of a token; empty where no phone here has had it."""
        mark = fingerprint(token)
        if mark not in self._by_fingerprint:
            for phone in self._phones.all:
                self.learn(phone)
        return self._by_fingerprint.get(mark, {})

    def note(self, push: Received) -> None:
        """Remember what has become of the latest push to an activity: the log may be cleared."""
        activity_id = self.of(push.token).get("activityId")
        if activity_id is not None:
            self._latest[activity_id] = push

    def latest(self, activity: Activity) -> Received | None:
        """The latest push to an activity, whatever was answered."""
        return self._latest.get(activity.id)


def _title(activity: Activity) -> object:
    """What the app calls it: a name that may change is in what it shows, and no attribute."""
    return activity.content_state.get("title") or activity.attributes.get("title")


def phone_view(phone: Phone, latest_push: Callable[[Activity], Received | None]) -> dict[str, Any]:
    """A phone, its lock screen, and what it saw last."""
    return {
        "id": phone.id,
        "name": phone.name,
        "model": phone.model,
        "osVersion": ".".join(map(str, phone.os_version)),
        "user": phone.username,
        "flightMode": phone.flight_mode,
        "installed": phone.has_app,
        "missed": phone.missed_registrations,
        "activities": [
            {**_activity_view(activity), **_facts(phone, activity, latest_push(activity))}
            for activity in phone.lock_screen
        ],
        "alert": _latest_alert(phone.log),
        "log": [
            {"at": event.at, "kind": event.kind, "text": event.text}
            for event in phone.log[-_LATEST_EVENTS:]
        ],
    }


def _activity_view(activity: Activity) -> dict[str, Any]:
    return {
        "id": activity.id,
        "streamId": activity.stream_id,
        "state": activity.state,
        "attributes": showable(activity.attributes),
        "contentState": showable(activity.content_state),
        "startedAt": activity.started_at,
        "staleAt": activity.stale_date,
        "endedAt": activity.ended_at,
        "dismissesAt": activity.dismisses_at,
        "token": fingerprint(activity.token) if activity.token else None,
    }


def _facts(phone: Phone, activity: Activity, push: Received | None) -> dict[str, Any]:
    """What has become of it at the endpoint, at Apple and on the phone: all that there is to say
    why a countdown runs on, and what would help."""
    registration = phone.registration(activity)
    return {
        "registration": registration
        and {"at": registration.at, "status": registration.status, "said": registration.said},
        "awaitsRegistration": phone.awaits_registration(activity),
        "push": push
        and {
            "at": push.at,
            "event": push.event if isinstance(push.event, str) else None,
            "status": push.status,
            "reason": push.reason,
            "fault": push.fault,
            "toItsToken": push.token == activity.token,
        },
        "storedAtApple": phone.has_stored_push(activity),
        "dropped": _latest_drop(phone.log, activity, push),
    }


def _latest_drop(log: Iterable[Event], activity: Activity, push: Received | None) -> str | None:
    """Why the phone, or Apple for it, has dropped the latest push; ``None``: it has not."""
    if push is None:
        return None
    drops = (
        event.text
        for event in reversed(list(log))
        if event.kind == "dropped" and event.activity_id == activity.id and event.at >= push.at
    )
    return next(drops, None)


def outlook_view(outlook: Outlook) -> dict[str, Any]:
    """What the host means to do."""
    return {
        "fate": outlook.fate,
        "reason": outlook.reason,
        "nextTry": outlook.next_try,
        "event": outlook.event,
        "askedAt": outlook.asked_at,
        "found": outlook.found,
    }


def _latest_alert(log: Iterable[Event]) -> dict[str, Any] | None:
    latest = next((event for event in reversed(list(log)) if event.kind == "alert"), None)
    if latest is None:
        return None
    aps = (latest.payload or {}).get("aps")
    alert = aps.get("alert") if isinstance(aps, dict) else None
    words = alert if isinstance(alert, dict) else {"body": alert}
    return {
        "at": latest.at,
        "title": _text(words.get("title")) or "Allmine",
        "body": _text(words.get("body")) or latest.text,
    }


def _text(words: object) -> str | None:
    """An alert's title or body; of a localised one its key."""
    if isinstance(words, dict):
        words = words.get("loc-key")
    return words if isinstance(words, str) else None


def push_view(push: Received, owner: Owner) -> dict[str, Any]:
    """A push, and what was answered."""
    return {
        "at": push.at,
        "to": {"token": fingerprint(push.token) if push.token else None, **owner},
        "event": push.event if isinstance(push.event, str) else None,
        "path": _path(push.path),
        "headers": {name: _header(name, push) for name in push.headers},
        "payload": showable(push.payload),
        "bytes": len(push.body),
        "status": push.status,
        "reason": push.reason,
        "why": push.why,
        "source": push.source,
        "fault": push.fault,
        "apnsId": push.apns_id,
        "problems": list(push.problems),
    }


def _header(name: str, push: Received) -> str:
    if name == "authorization":
        return f"bearer <{fingerprint(push.provider_token or push.headers[name])}>"
    return push.headers[name]


def _path(path: str) -> str:
    if path.startswith(DEVICE_PATH):
        return f"{DEVICE_PATH}<{fingerprint(path.removeprefix(DEVICE_PATH))}>"
    return path
