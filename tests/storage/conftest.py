"""A database for the whole run, and in it an empty storage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy.engine import make_url


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    with services.postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def mariadb_uri() -> Iterator[str]:
    with services.mariadb() as uri:
        yield uri


@pytest.fixture(scope="session")
def psycopg2_uri(postgresql_uri: str) -> str:
    return by_driver(postgresql_uri, "psycopg2")


@pytest.fixture(scope="session")
def mysqldb_uri(mariadb_uri: str) -> str:
    services.require_driver("MySQLdb", "pip install mysqlclient, which needs MariaDB's headers.")
    return by_driver(mariadb_uri, "mysqldb")


def by_driver(uri: str, driver: str) -> str:
    url = make_url(uri)
    return url.set(drivername=f"{url.get_backend_name()}+{driver}").render_as_string(False)


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[str]:
    with services.mongodb_server() as uri:
        yield uri


@pytest.fixture
def mongodb_uri(mongodb_server: str) -> Iterator[str]:
    with services.mongodb_database(mongodb_server) as uri:
        yield uri


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/live_activity.db"
