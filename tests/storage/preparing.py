"""What processes do that prepare one database at once; sent to each by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.actors import PATIENCE
from storage.opening import open_storage


def prepare_each(uris: Sequence[str], start: Any, told: Any) -> None:
    """Prepare one fresh database after the other, each in the same moment as all the others."""
    for uri in uris:
        storage = open_storage(uri)
        connect(storage)
        start.wait(PATIENCE)
        try:
            storage.prepare()
            told.put(storage.sessions.count_of_user("nobody"))
        except Exception as error:
            told.put(repr(error))
        finally:
            storage.close()


def connect(storage: Storage) -> None:
    """Connect before the race, so that all are at the same statement at the same time."""
    if isinstance(storage, SQLStorage):
        storage.engine.connect().close()
