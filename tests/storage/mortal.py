"""A storage on MongoDB whose process is killed after so many writes.

MongoDB writes one document at a time, and so does whoever dies here: also what is one command for
many documents may have been done for some of them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pymongo.collection import Collection
from pymongo.results import DeleteResult, UpdateResult

from flask_allmine_liveactivity.storage.mongodb import MongoStorage


class Killed(BaseException):
    """The process is no more."""


class Mortal:
    """A storage whose process is killed right after so many writes.

    Args:
        storage: On collections that nobody else has.
    """

    def __init__(self, storage: MongoStorage) -> None:
        self.storage = storage
        self.writes = 0
        self._dies_after: int | None = None
        storage.prepare()
        for collection in storage.collections:
            for name in ("insert_one", "update_one", "replace_one", "delete_one"):
                setattr(collection, name, self._each(getattr(collection, name)))
            collection.find_one_and_update = self._each(collection.find_one_and_update)
            collection.update_many = self._one_by_one(collection, collection.update_one)
            collection.delete_many = self._one_by_one(collection, collection.delete_one)

    def _each(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*arguments: Any, **named: Any) -> Any:
            result = write(*arguments, **named)
            if _has_written(result):
                self.writes += 1
                if self.writes == self._dies_after:
                    raise Killed
            return result

        return written

    def _one_by_one(self, collection: Collection[Any], write: Callable[..., Any]) -> Any:
        def written(where: Any, *update: Any) -> Any:
            ids = [row["_id"] for row in collection.find(where, {"_id": 1})]
            for each in ids:
                write({"$and": [{"_id": each}, where]}, *update)
            return SimpleNamespace(matched_count=len(ids), deleted_count=len(ids))

        return written

    def does(self, request: Callable[[MongoStorage], Any], *, dies_after: int | None = None) -> Any:
        """Returns the answer, where it does not die first."""
        self.writes, self._dies_after = 0, dies_after
        return request(self.storage)


def _has_written(result: Any) -> bool:
    if isinstance(result, UpdateResult):
        return result.modified_count > 0 or result.upserted_id is not None
    if isinstance(result, DeleteResult):
        return result.deleted_count > 0
    return result is not None  # an insertion, or the document as it stands then
