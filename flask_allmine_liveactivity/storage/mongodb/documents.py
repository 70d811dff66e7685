"""Records as documents, and back: all that the collections name otherwise than the records do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from flask_allmine_liveactivity.model import Session, SessionStatus, StreamEvent
from flask_allmine_liveactivity.storage.reading import from_json, read_event, read_session
from flask_allmine_liveactivity.storage.rules import as_row

Document = dict[str, Any]

ACTIVE: Final = SessionStatus.ACTIVE.value
# The field of ``Session.activity_lock``: so it has been called from the first version on, which may
# still work on the same collections.
LOCK: Final = "hold"

_JSON: Final = frozenset({"content_state", "alert", "countdown"})
# What a registration has read and relies on; claims and settlements that leave these alone do
# not disturb it.
_RELIED_ON: Final = ("status", "token", "identity", LOCK, "stream_id", "expires_at")
# Of a stream: no write of anybody's leaves all of these as they are.
_DECIDED_FROM: Final = (
    "revision",
    "touch",
    "due_at",
    "held_since",
    "held_reason",
    "timestamp",
    "expires_at",
    "event",
    "told_at",
    "check_at",
    "countdown",
    "found_at",
    "silent_since",
)


def document_of(record: Session | StreamEvent) -> Document:
    """What the host's app decodes is kept as JSON text: its keys are no field names here."""
    row = as_row(record)
    row["_id"] = row.pop("session_id" if isinstance(record, Session) else "stream_id")
    for name in _JSON.intersection(row):
        row[name] = None if row[name] is None else json.dumps(row[name])
    return fields_of(row)


def fields_of(columns: Mapping[str, Any]) -> Document:
    """Columns by the names that they have in a document."""
    return {LOCK if name == "activity_lock" else name: columns[name] for name in columns}


def session_of(raw: Document) -> Session:
    return read_session({**raw, "session_id": raw["_id"], "activity_lock": raw.get(LOCK)})


def event_of(raw: Document) -> StreamEvent:
    parsed = {name: from_json(raw.get(name)) for name in _JSON}
    return read_event({**raw, **parsed, "stream_id": raw["_id"]})


def changes_of(before: Session | StreamEvent, after: Session | StreamEvent) -> Document:
    """Only what differs: what another has written in between is not written over, and what a newer
    version has written stays.

    As documents, since to Python ``True`` and ``1`` are the same, and to the host's app they are
    not. A record that could not be read is written whole: what stands there is not what was read.
    """
    new = document_of(after)
    if _is_unreadable(before) and not _is_unreadable(after):
        del new["_id"]
        return new
    old = document_of(before)
    return {name: value for name, value in new.items() if value != old[name]}


def _is_unreadable(record: Session | StreamEvent) -> bool:
    if isinstance(record, Session):
        return record.status is SessionStatus.UNKNOWN
    return record.unreadable is not None


def session_as_read(raw: Document) -> Document:
    """The session, where a registration that has read it can still be written."""
    return _still(raw, _RELIED_ON)


def event_as_read(raw: Document) -> Document:
    """The stream, where nobody has written since it was read.

    By what stands there, and not by the record: in that a number that cannot be read is another.
    """
    return _still(raw, _DECIDED_FROM)


def _still(raw: Document, names: tuple[str, ...]) -> Document:
    # A field that is missing is found by None.
    return {"_id": raw["_id"], **{name: raw.get(name) for name in names}}
