"""Where the real servers are.

A test that needs a server which is not there is skipped with a sentence on how to get it; where
``CI`` is ``true`` it fails instead, so that nobody takes a build without databases for a green one.

Each call of ``postgresql()``, ``mariadb()`` or ``mongodb()`` makes a database of its own, dropped
when it ends: runs side by side do not disturb each other.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import uuid
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

import kombu
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

POSTGRESQL_URI = os.environ.get(
    "TEST_POSTGRESQL_URI", "postgresql+psycopg://postgres@127.0.0.1/test"
)
MYSQL_URI = os.environ.get("TEST_MYSQL_URI", "mysql+pymysql://root@127.0.0.1/test")

# Without it a server in this process speaks MongoDB's wire protocol.
MONGODB_URI = os.environ.get("TEST_MONGODB_URI")

REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
RABBITMQ_URL = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")

POSTGRESQL_REMEDY = (
    "Start one: docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=test "
    "postgres; or name yours in TEST_POSTGRESQL_URI."
)
MYSQL_REMEDY = (
    "Start one: docker run -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 "
    "-e MARIADB_DATABASE=test mariadb; or name yours in TEST_MYSQL_URI."
)
BROKER_REMEDY = "Start one: docker run -p {port}:{port} {image}; or name yours in {variable}."


def require(there: bool, what: str, remedy: str) -> None:
    """Go on where a service is there; else skip the test, or fail it in CI."""
    if not there:
        _give_up(f"{what} is not there. {remedy}")


def require_driver(module: str, remedy: str) -> None:
    """Go on where this module can be imported."""
    require(importlib.util.find_spec(module) is not None, f"The driver {module}", remedy)


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URI of a new PostgreSQL database, dropped at the end."""
    with _throw_away(POSTGRESQL_URI, "PostgreSQL", POSTGRESQL_REMEDY, " WITH (FORCE)") as uri:
        yield uri


@contextlib.contextmanager
def mariadb() -> Iterator[str]:
    """The URI of a new MariaDB database, dropped at the end."""
    with _throw_away(MYSQL_URI, "MariaDB", MYSQL_REMEDY, "") as uri:
        yield uri


@contextlib.contextmanager
def _throw_away(server: str, what: str, remedy: str, force: str) -> Iterator[str]:
    name = f"live_activity_test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        require(_answers(engine), what, remedy)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name}{force}"))
    finally:
        engine.dispose()


def _answers(engine: Engine) -> bool:
    try:
        engine.connect().close()
    except SQLAlchemyError:
        return False
    return True


@contextlib.contextmanager
def mongodb() -> Iterator[str]:
    """The URI of a new MongoDB database, dropped at the end."""
    with mongodb_server() as server, mongodb_database(server) as uri:
        yield uri


@contextlib.contextmanager
def mongodb_server() -> Iterator[str]:
    """The URI of a server for any number of databases: a real one where there is one."""
    if not MONGODB_URI:
        with mongodb_in_process() as uri:
            yield uri
        return
    with MongoClient[dict[str, Any]](MONGODB_URI, serverSelectionTimeoutMS=5000) as client:
        if not _pings(client):  # whoever names one wants it to be tested
            pytest.fail("MongoDB is not there: see TEST_MONGODB_URI.", pytrace=False)
    yield MONGODB_URI


@contextlib.contextmanager
def mongodb_database(server: str) -> Iterator[str]:
    """The URI of a new database on this server, dropped at the end."""
    name = f"live_activity_test_{uuid.uuid4().hex}"
    parts = urlsplit(server)
    options = parts.query
    if parts.username and "authsource=" not in options.lower():
        # Without it the user would be looked for in the new database.
        options = "&".join(filter(None, (options, f"authSource={parts.path[1:] or 'admin'}")))
    uri = urlunsplit(parts._replace(path=f"/{name}", query=options))
    try:
        yield uri
    finally:
        with MongoClient[dict[str, Any]](uri) as client:
            client.drop_database(name)


def _pings(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        client.admin.command("ping")
    except PyMongoError:
        return False
    return True


@contextlib.contextmanager
def mongodb_in_process(data: str = ":memory:", port: int = 0) -> Iterator[str]:
    """The URI, without a database, of a server of our own that speaks MongoDB's wire protocol.

    Args:
        data: The folder of its data, which another one goes on with.
        port: 0 takes a free one.
    """
    try:
        from secantus import SecantusDBServer
    except ImportError:
        _give_up("SecantusDB, a MongoDB in a package, is not there: pip install SecantusDB")
    with SecantusDBServer(port=port, storage_path=data) as server:
        yield server.uri


@contextlib.contextmanager
def redis_broker() -> Iterator[dict[str, Any]]:
    """Celery's settings of a Redis in which nobody else sees what is sent."""
    name = f"live_activity_test_{uuid.uuid4().hex}"
    remedy = BROKER_REMEDY.format(port=6379, image="redis", variable="TEST_REDIS_URL")
    require(_takes_messages(REDIS_URL), "Redis", remedy)
    prefix = f"{name}:"
    yield {
        "broker_url": REDIS_URL,
        "broker_transport_options": {"global_keyprefix": prefix},
        "broker_connection_retry_on_startup": True,
    }
    with Redis.from_url(REDIS_URL) as redis:
        for key in redis.scan_iter(f"{prefix}*"):
            redis.delete(key)


@contextlib.contextmanager
def rabbitmq_broker() -> Iterator[dict[str, Any]]:
    """Celery's settings of a RabbitMQ, with queues of their own, deleted at the end."""
    name = f"live_activity_test_{uuid.uuid4().hex}"
    remedy = BROKER_REMEDY.format(port=5672, image="rabbitmq", variable="TEST_RABBITMQ_URL")
    require(_takes_messages(RABBITMQ_URL), "RabbitMQ", remedy)
    yield {
        "broker_url": RABBITMQ_URL,
        "task_default_queue": name,
        "broker_connection_retry_on_startup": True,
    }
    with kombu.Connection(RABBITMQ_URL) as connection:
        for queue in (name, f"{name}.own"):
            connection.default_channel.queue_delete(queue)
            connection.default_channel.exchange_delete(queue)


def _takes_messages(url: str) -> bool:
    try:
        with kombu.Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1)
    except Exception:  # each transport has its own
        return False
    return True


def listens(port: int) -> bool:
    """Whether somebody listens at this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
