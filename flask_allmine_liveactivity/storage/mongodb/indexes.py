"""The indexes of the two collections: made, and looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.collection import Collection

from flask_allmine_liveactivity.storage.mongodb.documents import Document
from flask_allmine_liveactivity.storage.mongodb.uniqueness import UNIQUE, make_unique

_OF_SESSIONS: Final = (
    ("stream_id", "status", "due_at"),
    ("stream_id", "status", "delivered", "due_at"),
    ("user_id", "device_id"),
    ("expires_at",),
)
_OF_EVENTS: Final = (("due_at",), ("held_since",), ("expires_at",), ("check_at",))


def make_indexes(sessions: Collection[Document], events: Collection[Document]) -> None:
    """Make those that are not there; the ones that registration relies on last."""
    for collection, wanted in ((sessions, _OF_SESSIONS), (events, _OF_EVENTS)):
        for fields in wanted:
            collection.create_index([(field, ASCENDING) for field in fields])
    make_unique(sessions)


def missing_indexes(sessions: Collection[Document], events: Collection[Document]) -> list[str]:
    """Those that are not there, or not unique where they must be, as ``collection: fields``."""
    missing = []
    for collection, wanted, unique in (
        (sessions, _OF_SESSIONS, False),
        (sessions, tuple((field,) for field in UNIQUE), True),
        (events, _OF_EVENTS, False),
    ):
        found = list(collection.index_information().values())
        missing += [
            f"{collection.name}: {', '.join(fields)}{' (unique)' if unique else ''}"
            for fields in wanted
            if not any(_serves(index, fields, unique=unique) for index in found)
        ]
    return missing


def _serves(index: Mapping[str, Any], fields: tuple[str, ...], *, unique: bool) -> bool:
    is_unique = bool(index.get("unique"))
    return [name for name, _ in index["key"]] == list(fields) and (is_unique or not unique)
