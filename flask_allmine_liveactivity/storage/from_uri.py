"""``LIVE_ACTIVITY_STORAGE_URI`` into a storage.

``check_storage`` sees at start-up what can be seen without connecting; ``open_storage`` builds, at
first use. A URI is never quoted in an error: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.process.extras import host_factory, import_extra, made_by_host
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.preparation import Prepare

KEY = "LIVE_ACTIVITY_STORAGE_URI"
URIS = (
    "'sqlite:///live_activity.db', 'postgresql+psycopg://host/db', 'mysql+pymysql://host/db', "
    "'mongodb://host/db', 'mongodb+srv://host/db', 'memory://', 'mongomock://' or "
    "'module:factory'"
)
# What is said where a setting speaks of a storage that was not opened here.
PREPARED_BY_THE_HOST = (
    "LIVE_ACTIVITY_PREPARE speaks of the storage that LIVE_ACTIVITY_STORAGE_URI names, and yours "
    "is an object of your own: remove it, and say SQLStorage(engine, prepare='command') or "
    "MongoStorage(database, prepare='command')."
)
_ON_ONE_MACHINE = {
    None: "the default storage is a file on one",
    "memory": "'memory://' is in one process",
    "mongomock": "'mongomock://' is in one process",
}


def check_storage(
    uri: str | None, options: Mapping[str, Any], folder: str, prepare: Prepare = "auto"
) -> None:
    """See that ``open_storage`` could succeed, without connecting.

    Raises:
        ConfigurationError: It could not. The message names the key and the remedy.
    """
    scheme = _scheme(uri)
    if scheme == "mongomock":
        import_extra("mongomock", "mongomock")
    elif scheme in ("mongodb", "mongodb+srv"):
        from flask_allmine_liveactivity.storage.mongodb.from_uri import check_mongodb

        check_mongodb(uri or "", options)
    elif scheme == "module":
        host_factory(uri or "", KEY, URIS)
        if prepare == "command":
            raise ConfigurationError(PREPARED_BY_THE_HOST)
    elif scheme != "memory":
        from flask_allmine_liveactivity.storage.sql.from_uri import sql_engine

        sql_engine(uri, options, folder, URIS).dispose()


def open_storage(
    uri: str | None, options: Mapping[str, Any], folder: str, prepare: Prepare = "auto"
) -> Storage:
    """The storage that a URI names.

    Args:
        uri: ``None``: SQLite in `folder`.
        options: Passed to the driver's client or SQLAlchemy's engine.
        folder: Where a relative SQLite file is: the app's instance folder.
        prepare: Who makes and upgrades tables and indexes. What is in one process only is made
            there in any case.

    Raises:
        ConfigurationError: It cannot be opened as it is set.
        StorageUnavailable: The servers of ``mongodb+srv`` cannot be looked up now.
    """
    scheme = _scheme(uri)
    if scheme == "memory":
        from flask_allmine_liveactivity.storage.memory import MemoryStorage

        return MemoryStorage()
    if scheme == "mongomock":
        from flask_allmine_liveactivity.storage.mongodb import MongoStorage

        return MongoStorage(import_extra("mongomock", "mongomock").MongoClient()["live_activity"])
    if scheme in ("mongodb", "mongodb+srv"):
        from flask_allmine_liveactivity.storage.mongodb.from_uri import open_mongodb

        return open_mongodb(uri or "", options, prepare)
    if scheme == "module":
        made: Storage = made_by_host(host_factory(uri or "", KEY, URIS), Storage, KEY)
        return made
    from flask_allmine_liveactivity.storage.sql import SQLStorage
    from flask_allmine_liveactivity.storage.sql.from_uri import sql_engine

    return SQLStorage(sql_engine(uri, options, folder, URIS), owned=True, prepare=prepare)


def why_on_one_machine(uri: str | None, given: Storage | None = None) -> str | None:
    """Why a worker on another machine cannot see the storage; ``None``: it can.

    Args:
        uri: The one that is set.
        given: The host's own, which goes before it.
    """
    scheme = _scheme(uri) if given is None else _scheme_of(given)
    return _ON_ONE_MACHINE.get(scheme)


def _scheme(uri: str | None) -> str | None:
    """The scheme of a storage URI; ``module`` for ``module:factory``; ``None`` for the default."""
    if uri is None:
        return None
    scheme, separator, rest = uri.partition(":")
    if not separator or not rest:
        raise ConfigurationError(f"{KEY} must be one of {URIS}.")
    return scheme if rest.startswith("//") else "module"


def _scheme_of(given: Storage) -> str:
    from flask_allmine_liveactivity.storage.memory import MemoryStorage

    return "memory" if isinstance(given, MemoryStorage) else "given"
