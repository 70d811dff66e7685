"""A database of each kind, and storages on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy import Engine, create_engine

from flask_allmine_liveactivity.storage import from_uri
from flask_allmine_liveactivity.storage.base import Storage
from storage.opening import open_storage


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/live_activity.db"
        return
    with getattr(services, request.param)() as found:
        yield found


@pytest.fixture
def engine(uri: str) -> Iterator[Engine]:
    engine = create_engine(uri)
    yield engine
    engine.dispose()


@pytest.fixture
def storage(uri: str) -> Iterator[Storage]:
    storage = open_storage(uri)
    storage.prepare()
    yield storage
    storage.close()


@pytest.fixture
def by_command(uri: str) -> Iterator[Storage]:
    storage = from_uri.open_storage(uri, {}, "/", "command")
    yield storage
    storage.close()
