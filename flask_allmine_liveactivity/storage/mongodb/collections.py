"""The two collections: as they are read and written, whatever the host's client does, and prepared.

There are no transactions here, so that a single server will do: every step is one guarded write
to one document, and whoever finds that another came in between looks again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from bson.codec_options import CodecOptions
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from flask_allmine_liveactivity.errors import SchemaUnusable, StorageUnavailable
from flask_allmine_liveactivity.storage.mongodb.documents import Document
from flask_allmine_liveactivity.storage.mongodb.indexes import make_indexes, missing_indexes
from flask_allmine_liveactivity.storage.mongodb.uniqueness import is_prepared
from flask_allmine_liveactivity.storage.preparation import Preparation, Prepare, to_be_prepared

# How long a majority of the replica set may take to acknowledge a write, in milliseconds.
WRITE_TIMEOUT: Final = 10_000
# How many ids a statement names at the most: the planner's work grows with them.
CHUNK: Final = 200

Item = TypeVar("Item")


class Collections:
    """Sessions and events.

    The host's client may read from secondaries or write with ``w=1``: claims and revisions would
    not survive that, so these collections read from the primary and write to a majority.

    Args:
        database: Where they are.
        prefix: What their names begin with.
        prepare: Who makes the indexes; see ``MongoStorage``.
    """

    def __init__(self, database: Database[Any], prefix: str, prepare: Prepare) -> None:
        self.sessions = _pinned(database, f"{prefix}sessions")
        self.events = _pinned(database, f"{prefix}events")
        self._makes_indexes = prepare == "auto"
        self.look_again = self.prepare if self._makes_indexes else self._require_prepared
        """Prepare once more, or see that it is prepared: the indexes were not there."""
        self._preparation = Preparation(self.look_again)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Read and write: they are prepared, and the driver's errors are ours."""
        self._preparation.ensure()
        with driver_errors():
            yield

    def prepare(self) -> None:
        """Make the indexes that are not there."""
        with driver_errors():
            make_indexes(self.sessions, self.events)
        self._preparation.is_done()

    def _require_prepared(self) -> None:
        with driver_errors():
            if not is_prepared(self.sessions):
                raise SchemaUnusable(to_be_prepared("MongoDB's indexes are not all there"))

    def are_prepared(self) -> bool:
        """Whether they are, without making anything; ``False``: they will be at first use.

        Raises:
            SchemaUnusable: They are not as they should be, and only a person makes them so.
        """
        with driver_errors():
            missing = missing_indexes(self.sessions, self.events)
            prepared = is_prepared(self.sessions)
        if missing and (prepared or not self._makes_indexes):
            raise SchemaUnusable(to_be_prepared(f"these indexes are missing: {', '.join(missing)}"))
        return prepared


def _pinned(database: Database[Any], name: str) -> Collection[Document]:
    return database.get_collection(
        name,
        codec_options=CodecOptions(),
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", wtimeout=WRITE_TIMEOUT),
        read_concern=ReadConcern("local"),
    )


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many at a time as a statement names."""
    for begin in range(0, len(items), CHUNK):
        yield items[begin : begin + CHUNK]


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
