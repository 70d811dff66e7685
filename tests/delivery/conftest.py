"""Each storage that a single machine has, and a world on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.from_uri import open_storage
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import World


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Storage]:
    storage = open_storage(f"sqlite:///{tmp_path}/live_activity.db", {}, str(tmp_path))
    storage.prepare()
    yield storage
    storage.close()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    made: Storage = request.getfixturevalue("sqlite")
    return made


@pytest.fixture
def world(storage: Storage) -> World:
    """A world on each storage."""
    return World(storage)


@pytest.fixture
def memory_world() -> World:
    """A world in memory, for what has nothing to do with the storage."""
    return World(MemoryStorage())
