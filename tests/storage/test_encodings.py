"""A PostgreSQL that has not every character is refused with a sentence: ids of users and devices
may have any."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import services
from flask import Flask
from flask_jwt_extended import JWTManager
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, found, keep
from storage.opening import open_storage


@pytest.fixture(params=["LATIN1", "SQL_ASCII", "EUC_JP"])
def narrow(request: pytest.FixtureRequest, postgresql_uri: str) -> Iterator[str]:
    """The URI of a database in this encoding."""
    name = f"live_activity_test_{uuid.uuid4().hex}"
    engine = create_engine(postgresql_uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        made = f"TEMPLATE template0 ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(text(f"CREATE DATABASE {name} {made}"))
        yield make_url(postgresql_uri).set(database=name).render_as_string(False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["psycopg", "psycopg2"])
def storage(request: pytest.FixtureRequest, narrow: str) -> Iterator[Storage]:
    url = make_url(narrow).set(drivername=f"postgresql+{request.param}")
    storage = open_storage(url.render_as_string(False))
    yield storage
    storage.close()


def test_it_is_refused_when_it_is_prepared_looked_at_and_used(storage: Storage) -> None:
    for call in (storage.prepare, lambda: storage.check(NOW), lambda: keep(storage)):
        with pytest.raises(ConfigurationError, match=r"server_encoding.*ENCODING 'UTF8'"):
            call()


@pytest.mark.parametrize("command", ["check", "worker", "prepare"])
def test_each_command_says_so_at_its_start(narrow: str, command: str) -> None:
    app = Flask("host")
    app.config.update(
        JWT_SECRET_KEY="x" * 32, LIVE_ACTIVITY_STORAGE_URI=narrow, LIVE_ACTIVITY_PUSH="memory"
    )
    JWTManager(app)
    LiveActivity(app)
    done = app.test_cli_runner().invoke(args=["live-activity", command])
    installed_on(app).close()
    assert done.exit_code == 1
    assert "ENCODING 'UTF8'" in done.output


@pytest.fixture
def by_default() -> Iterator[str]:
    """A database in UTF-8 whose clients speak LATIN1 unless they say otherwise."""
    with services.postgresql() as uri:
        engine = create_engine(uri)
        with engine.begin() as connection:
            name = make_url(uri).database
            connection.execute(text(f"ALTER DATABASE {name} SET client_encoding = 'LATIN1'"))
        engine.dispose()
        yield uri


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_what_clients_speak_by_default_is_not_what_we_speak(by_default: str, driver: str) -> None:
    url = make_url(by_default).set(drivername=f"postgresql+{driver}")
    storage = open_storage(url.render_as_string(False))
    session = keep(storage, user_id="日本の人")
    assert found(storage, session).user_id == "日本の人"
    storage.close()


def test_an_engine_of_the_hosts_that_speaks_it_is_refused(by_default: str) -> None:
    engine = create_engine(by_default)
    with pytest.raises(ConfigurationError, match=r"client_encoding is LATIN1.*connect_args"):
        SQLStorage(engine).prepare()
    engine.dispose()
