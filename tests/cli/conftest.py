"""A desk on each database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.simulator import LocalApns

from .desk import Desk


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns() as made:
        yield made


@pytest.fixture
def desk(apns: LocalApns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """On SQLite, for what has nothing to do with the database."""
    made = Desk(f"sqlite:///{tmp_path}/desk.db", apns, monkeypatch)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "mongodb", "memory"])
def desk_on_each(
    request: pytest.FixtureRequest,
    apns: LocalApns,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    with ExitStack() as stack:
        match request.param:
            case "postgresql":
                uri = stack.enter_context(services.postgresql())
            case "mariadb":
                uri = stack.enter_context(services.mariadb())
            case "mongodb":
                uri = stack.enter_context(services.mongodb())
            case "memory":
                uri = "memory://"
            case _:
                uri = f"sqlite:///{tmp_path}/desk.db"
        made = Desk(uri, apns, monkeypatch)
        stack.callback(made.close)
        yield made
