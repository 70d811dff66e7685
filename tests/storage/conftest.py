"""A database for the whole run, and in it an empty storage for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import services


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    with services.postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def mariadb_uri() -> Iterator[str]:
    with services.mariadb() as uri:
        yield uri


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[str]:
    with services.mongodb() as uri:
        yield uri


@pytest.fixture
def mongodb_uri(mongodb_server: str) -> str:
    return f"{mongodb_server.rstrip('/')}/test_{uuid.uuid4().hex}"


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/live_activity.db"
