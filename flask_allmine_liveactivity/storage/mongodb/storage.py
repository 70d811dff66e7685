"""Sessions and streams in two MongoDB collections."""

from __future__ import annotations

from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from flask_allmine_liveactivity.model import Counts
from flask_allmine_liveactivity.storage.base import TO_BE_MADE, Storage
from flask_allmine_liveactivity.storage.mongodb.collections import Collections
from flask_allmine_liveactivity.storage.mongodb.counting import count
from flask_allmine_liveactivity.storage.mongodb.sessions import MongoSessions
from flask_allmine_liveactivity.storage.mongodb.streams import MongoStreams
from flask_allmine_liveactivity.storage.preparation import Prepare


class MongoStorage(Storage):
    """Storage over a pymongo database.

    The host's client may read from secondaries or write with ``w=1``: these collections read from
    the primary and write to a majority.

    Args:
        database: The host's, which stays open; ``client["allmine"]``.
        prefix: What the names of the two collections begin with.
        owned: Whether ``close()`` closes the client.
        prepare: ``auto``: the indexes are made at first use; ``command``: by ``prepare()`` alone,
            which is what ``flask live-activity prepare`` calls.

    .. versionadded:: 0.1.0
    """

    streams: MongoStreams
    sessions: MongoSessions

    def __init__(
        self,
        database: Database[Any],
        prefix: str = "live_activity_",
        *,
        owned: bool = False,
        prepare: Prepare = "auto",
    ) -> None:
        self._database = database
        self._owned = owned
        self._collections = Collections(database, prefix, prepare)
        self.streams = MongoStreams(self._collections)
        self.sessions = MongoSessions(self._collections)

    @property
    def collections(self) -> tuple[Collection[Any], Collection[Any]]:
        """The collections of sessions and of streams, as they are read and written.

        .. versionadded:: 0.1.0
        """
        return self._collections.sessions, self._collections.events

    def prepare(self) -> None:
        self._collections.prepare()

    def check(self, now: float) -> str:
        if not self._collections.are_prepared():
            return TO_BE_MADE
        return f"{super().check(now)}; all indexes are there"

    def close(self) -> None:
        if self._owned:
            self._database.client.close()

    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        return count(self._collections, now, stream_id)
