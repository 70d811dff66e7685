"""Open a storage by its URI, as the package does: also in another process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Engine, delete

from flask_allmine_liveactivity import parts
from flask_allmine_liveactivity.settings import Settings
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import events, sessions


def open_storage(uri: str, **options: Any) -> Storage:
    """The storage that the package would open for this URI."""
    settings = SimpleNamespace(storage_uri=uri, storage_options=options)
    return parts.open_storage(cast("Settings", settings), "/")


def empty_tables(engine: Engine) -> None:
    """Leave the tables, and nothing in them."""
    with engine.begin() as connection:
        connection.execute(delete(sessions))
        connection.execute(delete(events))
