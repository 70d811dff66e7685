"""The databases that are supported, by SQLAlchemy's name for them."""

from __future__ import annotations

from collections.abc import Mapping

from flask_allmine_liveactivity.storage.sql.database import Database
from flask_allmine_liveactivity.storage.sql.mariadb import MariaDB
from flask_allmine_liveactivity.storage.sql.sqlite import SQLite

DATABASES: Mapping[str, type[Database]] = {
    "sqlite": SQLite,
    "postgresql": Database,
    "mysql": MariaDB,
    "mariadb": MariaDB,
}
