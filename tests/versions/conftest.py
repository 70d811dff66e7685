"""The older packages, each unpacked once; and databases for them and for this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import services

from .older import unpack


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Before the tables had versions."""
    return unpack("0.1.0a", tmp_path_factory.mktemp("older"))


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before this one."""
    return unpack("0.1.0b", tmp_path_factory.mktemp("before"))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "mongodb"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/live_activity.db"
        return
    with getattr(services, request.param)() as found:
        yield found
