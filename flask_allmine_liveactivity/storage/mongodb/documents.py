"""Conditions, conversions and errors, shared by the collections' operations."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    StreamState,
)
from flask_allmine_liveactivity.storage.base import as_row

Document = dict[str, Any]

# How often a guarded write is tried again that another writer has got in the way of.
ATTEMPTS = 12

ACTIVE = SessionStatus.ACTIVE.value

_JSON = frozenset({"content_state", "alert"})
# What a registration has read and relies on; claims and settlements that leave these alone do
# not disturb it.
_RELIED_ON = ("status", "token", "identity", "hold", "stream_id", "expires_at")


def untold(stream_id: str, revision: int) -> Document:
    return {"stream_id": stream_id, "status": ACTIVE, "delivered": {"$lt": revision}}


def as_read(row: Session) -> Document:
    values = as_row(row)
    return {"_id": row.session_id, **{name: values[name] for name in _RELIED_ON}}


def still_the_same(settlement: Settlement, group: Sequence[Session]) -> Document:
    """Where a settlement counts, for a group of sessions that become the same."""
    same: Document
    if settlement.whoever_holds_the_lease:
        same = {
            "token": {"$in": [session.token for session in group]},
            "stream_id": settlement.session.stream_id,
        }
    else:
        same = {
            "_id": {"$in": [session.session_id for session in group]},
            "claim_id": settlement.session.claim_id,
        }
    if settlement.not_seen_after is not None:
        same["token_seen_at"] = {"$lte": settlement.not_seen_after}
    return same


def document_of(record: Session | StreamEvent) -> Document:
    """What the host's app decodes is kept as JSON text: its keys are no field names here."""
    row = as_row(record)
    row["_id"] = row.pop("session_id" if isinstance(record, Session) else "stream_id")
    for name in _JSON.intersection(row):
        row[name] = None if row[name] is None else json.dumps(row[name])
    return row


def session_of(row: Document) -> Session:
    values = dict(row)
    values["session_id"] = values.pop("_id")
    return Session(**{**values, "status": SessionStatus(values["status"])})


def event_of(row: Document) -> StreamEvent:
    values = dict(row)
    values["stream_id"] = values.pop("_id")
    for name in _JSON:
        values[name] = None if values[name] is None else json.loads(values[name])
    state = values["state"]
    return StreamEvent(**{**values, "state": None if state is None else StreamState(state)})


def tries() -> Iterator[int]:
    for attempt in range(ATTEMPTS):
        yield attempt
        if attempt:
            time.sleep(random.uniform(0, 0.002 * 2**attempt))


def contended() -> StorageUnavailable:
    return StorageUnavailable("MongoDB: other writers were in the way each time. Try again.")


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """The driver's errors as ours, without what they quote: it may be a token."""
    try:
        yield
    except DuplicateKeyError:
        raise contended() from None
    except PyMongoError as error:
        code = error.code if isinstance(error, OperationFailure) else None
        said = f" code {code}" if code is not None else ""
        where = f": {error}" if isinstance(error, ConnectionFailure) else ""
        raise StorageUnavailable(
            f"MongoDB did not answer ({type(error).__name__}{said}){where}"
        ) from None
