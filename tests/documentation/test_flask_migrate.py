"""A host with Flask-Migrate, in one database with the extension: both ways of the page, as it says
them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy import create_engine, inspect, text

from flask_allmine_liveactivity.storage.sql import SQLStorage, metadata
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED
from flask_allmine_liveactivity.testing.storage_contract.records import everything, keep

from .blocks import blocks

TABLES = set(metadata.tables)
LEFT, TAKEN = (
    block.text for block in blocks("python") if block.page == "docs/howto/flask-migrate.md"
)
HOST = """
import os
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy
from flask_allmine_liveactivity import LiveActivity

app = Flask("host")
app.config.update(
    JWT_SECRET_KEY="x" * 32,
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE"],
    LIVE_ACTIVITY_STORAGE_URI=os.environ["DATABASE"],
    LIVE_ACTIVITY_PUSH="memory",
)
JWTManager(app)
LiveActivity(app).stream_guard(lambda stream_id, user_id: None)
db = SQLAlchemy(app)


class Concert(db.Model):
    id = db.Column(db.Integer, primary_key=True)


"""
PLAIN = "from flask_migrate import Migrate\nMigrate(app, db)\n"


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with getattr(services, request.param)() as uri:
        yield uri


class Host:
    """Runs ``flask`` in a folder, on a database."""

    def __init__(self, folder: Path, database: str, rest: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, "DATABASE": database, "FLASK_APP": "host"}
        (folder / "host.py").write_text(HOST + rest)
        self.flask("db", "init")

    def flask(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def migration(self) -> str:
        """What ``flask db migrate`` writes; nothing, where it finds no difference."""
        before = self._versions()
        self.flask("db", "migrate")
        (new,) = self._versions() - before or {None}
        return "" if new is None else new.read_text()

    def _versions(self) -> set[Path]:
        return set((self._folder / "migrations" / "versions").glob("*.py"))


def tables_of(database: str) -> set[str]:
    engine = create_engine(database)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_left_to_the_extension_they_are_in_no_migration(database: str, tmp_path: Path) -> None:
    host = Host(tmp_path, database, LEFT)
    host.flask("live-activity", "prepare")
    written = host.migration()
    assert "create_table('concert'" in written
    assert "live_activity" not in written
    host.flask("db", "upgrade")
    assert tables_of(database) == {*TABLES, "concert", "alembic_version"}
    assert host.migration() == ""


def test_taken_over_they_are_made_by_a_migration_that_needs_nothing_of_ours(
    database: str, tmp_path: Path
) -> None:
    host = Host(tmp_path, database, PLAIN + TAKEN)
    written = host.migration()
    assert "flask_allmine_liveactivity" not in written
    host.flask("db", "upgrade")
    assert tables_of(database) == {*TABLES, "concert", "alembic_version"}
    engine = create_engine(database)
    storage = SQLStorage(engine)
    session = keep(storage)
    assert everything(storage) == [session]
    engine.dispose()
    assert host.migration() == ""
    host.flask("db", "downgrade")
    assert tables_of(database) == {"alembic_version"}


def test_taken_over_where_the_extension_has_made_them_they_are_no_difference(
    database: str, tmp_path: Path
) -> None:
    host = Host(tmp_path, database, PLAIN + TAKEN)
    host.flask("live-activity", "prepare")
    assert "live_activity" not in host.migration()


def test_taken_over_a_new_version_of_ours_is_a_migration_of_the_hosts(
    database: str, tmp_path: Path
) -> None:
    host = Host(tmp_path, database, PLAIN + TAKEN)
    host.migration()
    host.flask("db", "upgrade")
    engine = create_engine(database)
    with engine.begin() as connection:  # as the version before has left it
        connection.execute(text("DROP TABLE live_activity_schema"))
        connection.execute(text("ALTER TABLE live_activity_events DROP COLUMN announced_at"))
    written = host.migration()
    assert "add_column(sa.Column('announced_at', sa.Double(), nullable=True))" in written
    assert "create_table('live_activity_schema'" in written
    host.flask("db", "upgrade")
    assert "the tables stand without a version" in host.flask("live-activity", "check")
    host.flask("live-activity", "prepare")
    assert f"version {WANTED.number} of the tables stands" in host.flask("live-activity", "check")
    assert host.migration() == ""
    engine.dispose()


def test_without_either_they_would_be_dropped(database: str, tmp_path: Path) -> None:
    """Or the page would not be needed."""
    host = Host(tmp_path, database, PLAIN)
    host.flask("live-activity", "prepare")
    written = host.migration()
    assert all(f"op.drop_table('{table}')" in written for table in TABLES)
