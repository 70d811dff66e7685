"""The databases that are supported, and the drivers on which each is tested."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import URL, Dialect

from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.mariadb import MariaDB
from flask_allmine_liveactivity.storage.sql.sqlite import SQLite

# By SQLAlchemy's name for them.
DATABASES: Mapping[str, type[Database]] = {
    "sqlite": SQLite,
    "postgresql": Database,
    "mysql": MariaDB,
    "mariadb": MariaDB,
}
# The one that we recommend is the first.
_DRIVERS: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("pysqlite",),
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("pymysql", "mysqldb"),
    "mariadb": ("pymysql", "mysqldb"),
}
_PACKAGES = {
    "psycopg": '"flask-allmine-liveactivity[postgresql]"',
    "psycopg2": "psycopg2-binary",
    "pymysql": '"flask-allmine-liveactivity[mysql]"',
    "mysqldb": "mysqlclient",
}


def objection(dialect: Dialect | type[Dialect]) -> str | None:
    """What is said against a database and its driver; ``None`` where they are tested."""
    if dialect.name not in DATABASES:
        return f"{dialect.name!r} is not supported, but SQLite, PostgreSQL and MariaDB"
    if dialect.is_async:
        return (
            f"{dialect.driver!r} for asyncio does not work here, for we do not await: "
            f"use {_recommended(dialect.name)}"
        )
    if dialect.driver not in _DRIVERS[dialect.name]:
        return f"the driver {dialect.driver!r} is not tested: use {_recommended(dialect.name)}"
    return None


def in_utf8(url: URL) -> dict[str, str]:
    """Arguments by which a driver speaks UTF-8, whatever a server's or a role's default is."""
    if url.get_backend_name() != "postgresql" or "client_encoding" in url.query:
        return {}
    return {"client_encoding": "utf8"}


def how_to_install(name: str, driver: str) -> str:
    """The command for a driver that is missing, and for the one that we recommend instead."""
    command = f"pip install {_PACKAGES.get(driver, 'its package')}"
    if driver == _DRIVERS[name][0]:
        return command
    return f"{command}; or use {_recommended(name)}"


def _recommended(name: str) -> str:
    driver = _DRIVERS[name][0]
    install = f" (pip install {_PACKAGES[driver]})" if driver in _PACKAGES else ""
    return f"'{name}+{driver}://'{install}"
