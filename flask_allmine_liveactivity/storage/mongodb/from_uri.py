"""A ``mongodb://`` URI into a storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.storage.mongodb import MongoStorage
from flask_allmine_liveactivity.storage.preparation import Prepare

# How long MongoDB may take to be found, in milliseconds, where the host says nothing of it:
# a phone does not wait for the driver's thirty seconds.
FOUND_WITHIN = 5000


def check_mongodb(uri: str, options: Mapping[str, Any]) -> None:
    """Raise ``ConfigurationError`` where ``open_mongodb`` could not succeed."""
    if not re.match(r"mongodb(\+srv)?://[^/]*/[^?]", uri):
        raise ConfigurationError(
            "LIVE_ACTIVITY_STORAGE_URI names no database: 'mongodb://host/database'."
        )
    if uri.startswith("mongodb+srv"):  # cannot be read without asking a name server
        return
    try:
        parse_uri(uri, validate=False)
    except (PyMongoError, ValueError) as error:  # their messages quote parts of it
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI cannot be read ({type(error).__name__}): "
            "'mongodb://user:password@host:port/database'. In user and password escape what is "
            "special in a URL (urllib.parse.quote_plus)."
        ) from None
    try:
        _client(uri, options, connect=False).close()
    except (PyMongoError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_OPTIONS, or the options in LIVE_ACTIVITY_STORAGE_URI: {error}"
        ) from None


def open_mongodb(uri: str, options: Mapping[str, Any], prepare: Prepare = "auto") -> MongoStorage:
    """A storage with a client of its own.

    Raises:
        StorageUnavailable: The name server of ``mongodb+srv`` did not answer.
    """
    try:
        client = _client(uri, options)
        return MongoStorage(client.get_default_database(), owned=True, prepare=prepare)
    except (PyMongoError, ValueError) as error:  # 'mongodb+srv': the name server did not answer
        raise StorageUnavailable(
            f"LIVE_ACTIVITY_STORAGE_URI: MongoDB was not found ({type(error).__name__})."
        ) from None


def _client(uri: str, given: Mapping[str, Any], **more: Any) -> MongoClient[Any]:
    options = dict(given)
    if "serverselectiontimeoutms" not in uri.lower() + "".join(options).lower():
        options["serverSelectionTimeoutMS"] = FOUND_WITHIN
    return MongoClient(uri, **{**options, **more})
