"""Any SQL database that SQLAlchemy speaks: SQLite, PostgreSQL and MariaDB are tested."""

from flask_allmine_liveactivity.storage.sql.storage import SQLStorage
from flask_allmine_liveactivity.storage.sql.tables import (
    active_sessions,
    events,
    metadata,
    sessions,
)

__all__ = ["SQLStorage", "active_sessions", "events", "metadata", "sessions"]
