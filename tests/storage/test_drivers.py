"""A driver that was never tried is refused at start, and the one that works is named."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.storage.sql import SQLStorage
from storage.opening import open_storage

RECOMMENDED = {
    "postgresql": r"'postgresql\+psycopg://'",
    "mysql": r"'mysql\+pymysql://'",
    "mariadb": r"'mariadb\+pymysql://'",
    "sqlite": r"'sqlite\+pysqlite://'",
}
NEVER_TRIED = [
    "postgresql+pg8000",
    "postgresql+psycopg2cffi",
    "mysql+mysqlconnector",
    "mysql+cymysql",
    "mysql+pyodbc",
    "mariadb+mariadbconnector",
    "sqlite+pysqlcipher",
]
ASYNCHRONOUS = [
    "postgresql+asyncpg",
    "postgresql+psycopg_async",
    "mysql+aiomysql",
    "mysql+asyncmy",
    "sqlite+aiosqlite",
]


@pytest.mark.parametrize("scheme", NEVER_TRIED)
def test_one_that_was_never_tried(scheme: str) -> None:
    with pytest.raises(ConfigurationError, match=RECOMMENDED[scheme.split("+")[0]]) as caught:
        open_storage(f"{scheme}://ada:pass5word@127.0.0.1/db")
    assert scheme.split("+")[1] in str(caught.value)
    assert "pass5word" not in str(caught.value)


@pytest.mark.parametrize("scheme", ASYNCHRONOUS)
def test_an_asynchronous_one(scheme: str) -> None:
    works = RECOMMENDED[scheme.split("+")[0]]
    with pytest.raises(ConfigurationError, match=f"asyncio.*do not await.*{works}") as caught:
        open_storage(f"{scheme}://ada:pass5word@127.0.0.1/db")
    assert "pass5word" not in str(caught.value)


def test_one_that_sqlalchemy_does_not_know() -> None:
    with pytest.raises(ConfigurationError, match=r"knows no driver 'postgresql\+psycopg3'"):
        open_storage("postgresql+psycopg3://127.0.0.1/db")


def test_a_sqlite_uri_with_a_host_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="no URI of that database") as caught:
        open_storage("sqlite://ada:pass5word@127.0.0.1/db")
    assert "pass5word" not in str(caught.value)


def test_an_engine_of_the_hosts_is_refused_alike() -> None:
    engine = create_engine("sqlite:///a.db")
    engine.dialect.driver = "pysqlcipher"
    with pytest.raises(ConfigurationError, match=r"SQLStorage: the driver .*'sqlite\+pysqlite://'"):
        SQLStorage(engine)


def test_an_engine_for_asyncio_is_refused() -> None:
    engine = create_async_engine("postgresql+psycopg://127.0.0.1/db")
    with pytest.raises(ConfigurationError, match="do not await"):
        SQLStorage(engine)  # type: ignore[arg-type]
