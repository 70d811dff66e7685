"""A database of the version before there were versions is taken over, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services
from delivery.world import STREAM, World
from sqlalchemy import Engine, create_engine, inspect, text
from storage.opening import open_storage

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.storage.sql import metadata
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, OTHER_STREAM

from .older import run

# What the older version does: a phone, told of nothing yet; and an end, of which nobody was told.
BEFORE = """
import sys
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.storage.from_uri import open_storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

uri, stream, now = sys.argv[1], sys.argv[2], float(sys.argv[3])
storage = open_storage(uri, {}, "/")
for number in range(3):
    who = f"user-{number}"
    claimant = Claimant(user_id=who, device_id=who, activity_id=who, stream_id=stream, token=who)
    register(storage, claimant, now=now, lifetime=3600, max_per_user=None)
end = announcement_of_end(
    stream,
    StreamState.READY,
    content_state={"is": "ready"},
    alert=None,
    dismiss_after=0,
    now=now,
    ttl=3600,
)
getattr(storage, "streams", storage).announce(end, now)
storage.close()
"""
# And a phone of whose stream nothing has been said.
WITHOUT_A_WORD = BEFORE.partition("end = ")[0] + "storage.close()\n"


REOPENED = """
import sys
from flask_allmine_liveactivity.storage.from_uri import open_storage

uri, stream, now = sys.argv[1], sys.argv[2], float(sys.argv[3])
storage = open_storage(uri, {}, "/")
storage.streams.reopen(stream, now)
storage.close()
"""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def uris(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two databases: the older version's, and one without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/older.db", f"sqlite:///{tmp_path}/new.db"
        return
    make = getattr(services, request.param)
    with make() as one, make() as other:
        yield one, other


def made(uri: str) -> Any:
    """Tables, columns, keys and indexes, as the database itself describes them."""
    engine = create_engine(uri)
    try:
        return {name: described(engine, name) for name in inspect(engine).get_table_names()}
    finally:
        engine.dispose()


def described(engine: Engine, table: str) -> Any:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            statement = f"SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' ORDER BY name"
            return connection.scalars(text(statement)).all()
        if engine.dialect.name == "mysql":
            row = connection.execute(text(f"SHOW CREATE TABLE {table}")).one()
            return sorted(line.rstrip(",") for line in row[1].splitlines())
        columns = connection.execute(
            text(
                "SELECT column_name, data_type, character_maximum_length, is_nullable, "
                "ordinal_position FROM information_schema.columns WHERE table_name = :table "
                "ORDER BY ordinal_position"
            ),
            {"table": table},
        ).all()
        indexes = text("SELECT indexdef FROM pg_indexes WHERE tablename = :table ORDER BY indexdef")
        options = text("SELECT reloptions FROM pg_class WHERE relname = :table")
        return (
            columns,
            connection.scalars(indexes, {"table": table}).all(),
            connection.scalar(options, {"table": table}),
        )


def test_it_is_as_if_it_had_been_made_anew_and_everybody_is_told(
    uris: tuple[str, str], older: Path
) -> None:
    before, anew = uris
    world = World(open_storage(before))
    run(BEFORE, before, STREAM, str(world.now()), package=older)
    assert "without a version" in world.storage.check(world.now())
    world.storage.prepare()
    fresh = open_storage(anew)
    fresh.prepare()
    assert made(before) == made(anew)
    assert set(made(anew)) == set(metadata.tables)
    assert {row.user_id for row in world.sessions()} == {"user-0", "user-1", "user-2"}
    assert world.event().content_state == {"is": "ready"}
    world.run()
    assert sorted(world.told) == ["user-0", "user-1", "user-2"]
    assert world.statuses() == {SessionStatus.ENDED}
    for storage in (world.storage, fresh):
        storage.close()


def test_of_the_streams_of_the_version_before_the_host_is_asked_too(uri: str, before: Path) -> None:
    """It has registered phones, and written no row of whose stream anybody could be asked."""
    storage = open_storage(uri)
    run(WITHOUT_A_WORD, uri, STREAM, str(NOW), package=before)
    storage.prepare()
    assert storage.streams.read(STREAM) is None
    assert storage.streams.adopt(NOW) == 1
    (asked,) = storage.streams.take_questions(NOW, 10, NOW + 60)
    assert (asked.stream_id, asked.revision, asked.event) == (STREAM, 0, None)
    assert storage.streams.adopt(NOW) == 0
    # It has announced an end, and that stream was scheduled again since.
    others = BEFORE.replace("user-", "other-")
    run(others, uri, OTHER_STREAM, str(NOW), package=before)
    run(REOPENED, uri, OTHER_STREAM, str(NOW), package=before)
    assert storage.streams.adopt(NOW) == 1
    (asked,) = storage.streams.take_questions(NOW, 10, NOW + 60)
    assert (asked.stream_id, asked.event) == (OTHER_STREAM, None)
    storage.close()
