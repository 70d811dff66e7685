"""Sessions are written only where the unique indexes are.

They are made once, and may be gone: somebody has dropped the database, or restored it without them.
MongoDB makes a collection anew for whoever writes, and two users could then have one token. So each
such write names the index on ``token``, and MongoDB refuses what names an index that is not there.
That index is made after all others: where it is, they are.
"""

from __future__ import annotations

from typing import Any, Final

from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, WriteError

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.mongodb.documents import LOCK, Document

UNIQUE: Final = ("identity", LOCK, "token")
_BY_TOKEN: Final = [("token", ASCENDING)]
_BAD_VALUE: Final = 2


class IndexesAreGone(Exception):
    """Nothing was written: prepare again."""


def make_unique(sessions: Collection[Document]) -> None:
    """Make the unique indexes, where they are not."""
    for field in UNIQUE:
        try:
            sessions.create_index([(field, ASCENDING)], unique=True)
        except DuplicateKeyError:
            raise StorageUnavailable(
                f"MongoDB cannot make the unique index on {field!r} of {sessions.name!r}, for "
                f"documents in it have one {field} together. Delete all but one of each, then run "
                "`flask live-activity prepare`."
            ) from None


def is_prepared(sessions: Collection[Document]) -> bool:
    """Whether the unique indexes are there: the one on ``token`` is, which is made last."""
    return "token_1" in sessions.index_information()


def insert(sessions: Collection[Document], document: Document) -> bool:
    """Insert a session; returns whether its token was free.

    Raises:
        DuplicateKeyError: Another of its unique values is taken.
        IndexesAreGone: The unique indexes are not there.
    """
    new = dict(document)
    return bool(_update(sessions, {"token": new.pop("token")}, {"$setOnInsert": new}, upsert=True))


def change(sessions: Collection[Document], as_read: Document, changes: Document) -> bool:
    """Change the session that is still as it was read, its token among that; returns whether it is.

    Raises:
        DuplicateKeyError: One of its new unique values is taken.
        IndexesAreGone: The unique indexes are not there.
    """
    return bool(_update(sessions, as_read, {"$set": changes}))


def _update(sessions: Any, where: Document, update: Document, *, upsert: bool = False) -> int:
    """Returns how many documents were written: inserted, where that was asked for."""
    hint: dict[str, Any] = {"hint": _BY_TOKEN}
    if not isinstance(sessions, Collection):  # mongomock's, which takes no hint
        if not is_prepared(sessions):
            raise IndexesAreGone
        hint = {}
    try:
        result = sessions.update_one(where, update, upsert=upsert, **hint)
    except WriteError as error:
        if error.code != _BAD_VALUE:
            raise
        raise IndexesAreGone from None
    return int(result.upserted_id is not None if upsert else result.matched_count)
