"""Any SQL database that SQLAlchemy speaks: SQLite, PostgreSQL and MariaDB are tested."""

from flask_allmine_liveactivity.storage.sql.storage import SQLStorage
from flask_allmine_liveactivity.storage.sql.tables import events, metadata, sessions, waiting

__all__ = ["SQLStorage", "events", "metadata", "sessions", "waiting"]
