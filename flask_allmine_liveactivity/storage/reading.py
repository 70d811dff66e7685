"""Rows into records. One that this version cannot read stands in nobody's way: it alone is held, or
left to the newer version that has written it.

A newer version writes what this one does not know, and a hand in the database what nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from flask_allmine_liveactivity.model import (
    END,
    KINDS,
    NEVER,
    UPDATE,
    Session,
    SessionStatus,
    StreamEvent,
    StreamState,
)
from flask_allmine_liveactivity.storage.rules import READ_ONLY


class NotJSON:
    """What stands in the place of a JSON value, and is none."""


NOT_JSON: Final = NotJSON()

STATUSES = {status.value: status for status in SessionStatus if status is not SessionStatus.UNKNOWN}
STATES = {state.value: state for state in StreamState}

_OF_EVENT = tuple(column.name for column in fields(StreamEvent) if column.name not in READ_ONLY)
_OF_SESSION = tuple(column.name for column in fields(Session))
# What a document of a version that did not know a field yet is taken to have there.
_DEFAULTS = {
    record: {each.name: each.default for each in fields(record) if each.default is not MISSING}
    for record in (Session, StreamEvent)
}
_NUMBERS = ("revision", "timestamp", "expires_at", "due_at", "touch")
_NUMBERS_IF_ANY = (
    "told_at",
    "check_at",
    "countdown_expires_at",
    "found_at",
    "silent_since",
    "priority",
)
_TEXTS_OF_SESSION = ("session_id", "device_id", "activity_id", "stream_id", "token")
_NUMBERS_OF_SESSION = ("expires_at", "token_seen_at", "due_at", "leased_until", "delivered")


def from_json(text: str | None) -> Any:
    """The value; ``NOT_JSON`` where it is none."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return NOT_JSON


def read_event(row: Mapping[str, Any]) -> StreamEvent:
    """An event from its columns; columns that are unknown are passed over.

    Where it cannot be told its ``unreadable`` says why: by names and types, never by contents.
    """
    defaults = _DEFAULTS[StreamEvent]
    values: dict[str, Any] = {name: row.get(name, defaults.get(name)) for name in _OF_EVENT}
    # What is only asked of the host again stands in no end's way.
    values |= {name: None for name in _NUMBERS_IF_ANY if not _is_number(values[name])}
    if not isinstance(values["countdown"], Mapping):
        values["countdown"] = None
    problem = _problem_of(values)
    if problem is None:
        return StreamEvent(
            **{
                **values,
                "state": STATES.get(values["state"]),
                "found_state": STATES.get(values["found_state"]),
            }
        )
    # The revision stays as it is, whatever it is: by it the event is held.
    values |= {name: 0 for name in _NUMBERS[1:] if not _is_number(values[name])}
    values |= {"state": None, "content_state": None, "alert": None, "found_state": None}
    return StreamEvent(**values, unreadable=problem)


def _problem_of(values: Mapping[str, Any]) -> str | None:
    for name in _NUMBERS:
        if not _is_number(values[name]):
            return f"{name} is no number"
    if values["event"] is not None and values["event"] not in KINDS:
        return "it is an event of a kind that this version does not know"
    if values["state"] is not None and values["state"] not in STATES:
        return "it is a state that this version does not know"
    if values["event"] == END and values["state"] is None:
        return "it is an end without a state"
    if values["event"] == UPDATE and values["content_state"] is None:
        return "it is an update without a content_state"
    for name in ("content_state", "alert"):
        if values[name] is NOT_JSON:
            return f"{name} is no JSON"
        if not isinstance(values[name], Mapping | None):
            return f"{name} is no JSON object"
    if not isinstance(values["dismissal_date"], int | None):
        return "dismissal_date is no number"
    return None


def read_session(row: Mapping[str, Any]) -> Session:
    """A session from its columns; its status is ``UNKNOWN`` where it cannot be told."""
    defaults = _DEFAULTS[Session]
    values: dict[str, Any] = {name: row.get(name, defaults.get(name)) for name in _OF_SESSION}
    status = STATUSES.get(str(values["status"]), SessionStatus.UNKNOWN)
    values["refused"] = values["refused"] or 0
    whole = all(isinstance(values[name], str) for name in _TEXTS_OF_SESSION) and all(
        _is_number(values[name]) for name in _NUMBERS_OF_SESSION
    )
    if not whole:
        status = SessionStatus.UNKNOWN
        values |= {name: "" for name in _TEXTS_OF_SESSION if not isinstance(values[name], str)}
        values |= {name: NEVER for name in _NUMBERS_OF_SESSION if not _is_number(values[name])}
    return Session(**{**values, "status": status})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
