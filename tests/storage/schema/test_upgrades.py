"""Tables of an older version are upgraded, by whoever comes first or by the command, and lose no
row."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from delivery.world import wait_until
from sqlalchemy import Engine, text

from flask_allmine_liveactivity.errors import SchemaUnusable
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import metadata
from flask_allmine_liveactivity.storage.sql.schema import LATER
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
    everything,
    keep,
)
from storage.opening import open_storage

from .by_hand import OF_EVENTS, columns, run, versions, write_version


def drop_later(engine: Engine) -> None:
    """What came after the first version."""
    of_mariadb = engine.dialect.name in ("mysql", "mariadb")
    for index, table in (
        ("live_activity_events_check", OF_EVENTS),
        ("live_activity_waiting_told", "live_activity_waiting"),
    ):
        run(engine, f"DROP INDEX {index}" + (f" ON {table}" if of_mariadb else ""))
    for column in sorted(LATER):
        table, _, name = column.partition(".")
        run(engine, f"ALTER TABLE {table} DROP COLUMN {name}")


def go_back(engine: Engine) -> None:
    """To the first version, as a backup brings it back."""
    drop_later(engine)
    write_version(engine, "1.1")


def test_all_later_columns_are_known_as_such(storage: Storage, engine: Engine) -> None:
    go_back(engine)
    missing = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name not in columns(engine, table.name)
    }
    assert missing == LATER


def test_they_are_upgraded_at_first_use(uri: str, storage: Storage, engine: Engine) -> None:
    session = keep(storage)
    before = storage.streams.announce(an_announcement(), NOW)
    go_back(engine)
    other = open_storage(uri)
    assert "version 1 of the tables stands" in other.check(NOW)
    assert versions(engine) == ["1.1"]
    assert everything(other) == [session]
    assert other.streams.read(STREAM) == replace(before, announced_at=None)
    assert other.counts(NOW).oldest_pending_since == before.timestamp
    assert versions(engine) == [str(WANTED)]
    other.close()


def test_they_are_where_they_came_back_under_a_living_process(
    storage: Storage, engine: Engine
) -> None:
    keep(storage)
    go_back(engine)
    storage.streams.announce(an_announcement(), NOW)
    assert storage.counts(NOW).oldest_pending_since == NOW
    assert versions(engine) == [str(WANTED)]


def test_they_are_not_without_the_command(by_command: Storage, engine: Engine) -> None:
    by_command.prepare()
    session = keep(by_command)
    go_back(engine)
    for call in (
        lambda: by_command.streams.announce(an_announcement(), NOW),
        lambda: by_command.check(NOW),
    ):
        with pytest.raises(SchemaUnusable, match=r"version 1 of the tables.*live-activity prepare"):
            call()
    assert "announced_at" not in columns(engine, OF_EVENTS)
    by_command.prepare()
    assert everything(by_command) == [session]


def test_an_upgrade_that_was_interrupted_is_gone_on_with(
    uri: str, storage: Storage, engine: Engine
) -> None:
    """MariaDB has committed the column, and not its version."""
    session = keep(storage)
    write_version(engine, "1.1")
    other = open_storage(uri)
    assert everything(other) == [session]
    assert versions(engine) == [str(WANTED)]
    other.close()


@pytest.mark.parametrize("uri", ["postgresql", "mariadb"], indirect=True)
def test_while_somebody_reads_for_long_nobody_waits_behind_the_upgrade(
    uri: str, storage: Storage, engine: Engine
) -> None:
    go_back(engine)
    other = open_storage(uri)
    upgrading = threading.Thread(target=other.prepare)
    with engine.connect() as backup:
        backup.execute(text(f"SELECT count(*) FROM {OF_EVENTS}")).scalar()
        upgrading.start()
        wait_until(lambda: waits_for_the_table(engine))
        # Or it would wait for the backup's end.
        run(engine, no_longer_than(engine, 30), f"UPDATE {OF_EVENTS} SET touch = touch + 1")
        assert versions(engine) == ["1.1"]
        backup.rollback()
    upgrading.join()
    assert versions(engine) == [str(WANTED)]
    other.close()


def no_longer_than(engine: Engine, seconds: int) -> str:
    if engine.dialect.name == "postgresql":
        return f"SET LOCAL lock_timeout = '{seconds}s'"
    return f"SET SESSION lock_wait_timeout = {seconds}"


def waits_for_the_table(engine: Engine) -> bool:
    statement = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        if engine.dialect.name == "postgresql"
        else "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
        "AND state LIKE 'Waiting for table metadata lock'"
    )
    with engine.connect() as connection:
        return bool(connection.scalar(text(statement)))
