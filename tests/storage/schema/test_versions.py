"""The tables have a version: made, looked at, upgraded, and refused where it cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, create_engine, event, inspect, text

from flask_allmine_liveactivity.errors import ConfigurationError, SchemaUnusable
from flask_allmine_liveactivity.storage import from_uri
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import SQLStorage, metadata
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED, SchemaVersion
from flask_allmine_liveactivity.storage.sql.upgrading import SCRIPTS
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
    everything,
    keep,
    take,
)
from storage.opening import open_storage

from .by_hand import OF_EVENTS, columns, run, versions, write_version

# --- what is made ---------------------------------------------------------------------------------


def test_the_scripts_lead_to_the_version_that_is_wanted() -> None:
    scripts = list(ScriptDirectory(str(SCRIPTS)).walk_revisions())
    found = [SchemaVersion.read(script.revision) for script in reversed(scripts)]
    versions = [version for version in found if version is not None]
    assert versions[-1] == WANTED
    assert [version.number for version in versions] == list(range(1, len(found) + 1))
    assert sorted(version.oldest for version in versions) == [v.oldest for v in versions]
    assert all(version.oldest <= version.number for version in versions)


def test_what_the_scripts_make_is_what_the_metadata_says(storage: Storage, engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert versions(engine) == [str(WANTED)]


def test_what_differs_would_be_seen(storage: Storage, engine: Engine) -> None:
    other = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(other)
    other.tables[OF_EVENTS].c.said.nullable = True
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, other) != []


def test_a_hosts_own_create_all_is_taken_over(uri: str, engine: Engine) -> None:
    metadata.create_all(engine)
    storage = open_storage(uri)
    session = keep(storage)
    assert everything(storage) == [session]
    assert versions(engine) == [str(WANTED)]
    storage.close()


def test_a_migration_of_the_hosts_that_is_under_way_goes_on(uri: str, tmp_path: Path) -> None:
    host = create_engine(f"sqlite:///{tmp_path}/host.db")
    storage = open_storage(uri)
    with host.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        storage.prepare()
        op.execute("CREATE TABLE hosts (id INTEGER)")
    assert inspect(host).get_table_names() == ["hosts"]
    host.dispose()
    storage.close()


def test_it_is_looked_at_once_in_a_process(engine: Engine) -> None:
    SQLStorage(engine).prepare()
    storage = SQLStorage(engine)
    looks: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if "SELECT live_activity_schema.version_num" in statement:
            looks.append(statement)

    keep(storage)
    storage.streams.announce(an_announcement(), NOW)
    storage.streams.wake(STREAM, NOW, NOW)
    take(storage)
    assert len(looks) == 1


def test_one_that_is_ready_needs_no_right_to_make_anything(
    storage: Storage, engine: Engine
) -> None:
    made: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if statement.split()[0] in ("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"):
            made.append(statement)

    SQLStorage(engine).prepare()
    assert made == []


# --- made by the command alone --------------------------------------------------------------------


def test_without_the_command_nothing_is_made(by_command: Storage, engine: Engine) -> None:
    with pytest.raises(SchemaUnusable, match="flask live-activity prepare"):
        keep(by_command)
    with pytest.raises(SchemaUnusable, match=r"no tables.*flask live-activity prepare"):
        by_command.check(NOW)
    assert inspect(engine).get_table_names() == []


def test_once_it_has_been_run_it_goes_on(uri: str, by_command: Storage) -> None:
    with pytest.raises(SchemaUnusable):
        by_command.sessions.page()
    other = from_uri.open_storage(uri, {}, "/", "command")
    other.prepare()
    session = keep(by_command)
    assert everything(other) == [session]
    other.close()


def test_tables_that_vanish_are_not_made_again(by_command: Storage, engine: Engine) -> None:
    by_command.prepare()
    keep(by_command)
    run(engine, "DROP TABLE live_activity_waiting")
    with pytest.raises(SchemaUnusable, match=r"something is missing.*flask live-activity prepare"):
        keep(by_command)
    by_command.prepare()
    keep(by_command)


def test_no_file_is_made_either(tmp_path: Path) -> None:
    storage = from_uri.open_storage(
        f"sqlite:///{tmp_path}/new/live_activity.db", {}, "/", "command"
    )
    with pytest.raises(SchemaUnusable):
        storage.sessions.page()
    storage.close()
    assert list(tmp_path.iterdir()) == []


def test_indexes_are_made_by_the_command_alone(mongodb_uri: str) -> None:
    storage = from_uri.open_storage(mongodb_uri, {}, "/", "command")
    with pytest.raises(SchemaUnusable, match="flask live-activity prepare"):
        keep(storage)
    with pytest.raises(SchemaUnusable, match="flask live-activity prepare"):
        storage.check(NOW)
    storage.prepare()
    session = keep(storage)
    assert everything(storage) == [session]
    storage.close()


def test_a_storage_of_the_hosts_own_says_it_itself() -> None:
    with pytest.raises(ConfigurationError, match="prepare='command'"):
        from_uri.check_storage("json:loads", {}, "/", "command")


# --- newer than this version ----------------------------------------------------------------------


def test_a_newer_one_that_is_additive_is_used(uri: str, storage: Storage, engine: Engine) -> None:
    before = keep(storage)
    run(engine, f"ALTER TABLE {OF_EVENTS} ADD COLUMN of_later VARCHAR(9)")
    write_version(engine, f"{WANTED.number + 7}.{WANTED.number}")
    other = open_storage(uri)
    other.prepare()
    for each in (storage, other):
        keep(each)
        each.streams.announce(an_announcement(said=f"by {each is storage}"), NOW)
        assert each.streams.wake(STREAM, NOW, NOW) is not None
    assert before in everything(other)
    assert len(take(other, revision=2)) == 3
    assert f"version {WANTED.number + 7} of the tables stands" in other.check(NOW)
    assert versions(engine) == [f"{WANTED.number + 7}.{WANTED.number}"]
    assert "of_later" in columns(engine, OF_EVENTS)
    other.close()


def test_one_that_is_not_is_refused_and_left_as_it_is(
    uri: str, storage: Storage, engine: Engine
) -> None:
    keep(storage)
    write_version(engine, f"{WANTED.number + 7}.{WANTED.number + 1}")
    other = open_storage(uri)
    for call in (other.sessions.page, other.prepare, lambda: other.check(NOW)):
        with pytest.raises(SchemaUnusable, match=r"cannot use it.*flask live-activity check"):
            call()
    assert versions(engine) == [f"{WANTED.number + 7}.{WANTED.number + 1}"]
    other.close()


def test_who_was_there_before_sees_it_by_what_fails(storage: Storage, engine: Engine) -> None:
    keep(storage)
    run(engine, "ALTER TABLE live_activity_sessions RENAME COLUMN hold TO held_by")
    write_version(engine, f"{WANTED.number + 1}.{WANTED.number + 1}")
    for call in (lambda: keep(storage), storage.sessions.page):
        with pytest.raises(SchemaUnusable, match="cannot use it"):
            call()


@pytest.mark.parametrize("written", ["1", "0.0", "head", "2.1.1"])
def test_what_is_no_version_is_refused(
    uri: str, storage: Storage, engine: Engine, written: str
) -> None:
    session = keep(storage)
    write_version(engine, written)
    other = open_storage(uri)
    with pytest.raises(SchemaUnusable, match="no version of ours"):
        other.sessions.page()
    run(engine, "DELETE FROM live_activity_schema")
    assert everything(other) == [session]
    other.close()


# --- none of ours ---------------------------------------------------------------------------------


def test_tables_of_another_make_are_not_taken_over(
    uri: str, storage: Storage, engine: Engine
) -> None:
    keep(storage)
    run(
        engine,
        "DROP TABLE live_activity_schema",
        "ALTER TABLE live_activity_sessions RENAME COLUMN delivered TO told",
    )
    other = open_storage(uri)
    for call in (other.prepare, other.sessions.page, lambda: other.check(NOW)):
        with pytest.raises(SchemaUnusable, match="live_activity_sessions has no column delivered"):
            call()
    assert not inspect(engine).has_table("live_activity_schema")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM live_activity_sessions")) == 1
    other.close()
