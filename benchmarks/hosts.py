"""Host apps that push to the sink, and audiences for them."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask_jwt_extended import JWTManager
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.phones.registration import Claimant
from flask_allmine_liveactivity.storage.sql import active_sessions, sessions
from flask_allmine_liveactivity.storage.sql.active_rows import active_row
from flask_allmine_liveactivity.storage.sql.rows import session_row

STREAM = "65f000000000000000000001"
BUNDLE = "com.example.allmine"
# Signs nothing but the phones' tokens of a benchmark.
SECRET = "only for benchmarks, and long enough for HS256"  # noqa: S105

SERVERS = {
    "PostgreSQL": os.environ.get(
        "BENCH_POSTGRESQL_URI", "postgresql+psycopg://postgres@127.0.0.1/test"
    ),
    "MariaDB": os.environ.get("BENCH_MYSQL_URI", "mysql+pymysql://root@127.0.0.1/test"),
}


def a_key() -> str:
    """A signing key, as Apple would give one."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def a_token(number: int) -> str:
    """A runtime token, as long as Apple's."""
    return f"{number:0160x}"


def make_host(storage_uri: str, url: str = "", ca: str = "", **config: Any) -> Flask:
    """A host that pushes to `url`, and delivers elsewhere unless `config` says so."""
    app = Flask("host")
    app.config.update(
        JWT_SECRET_KEY=SECRET,
        LIVE_ACTIVITY_STORAGE_URI=storage_uri,
        LIVE_ACTIVITY_DELIVERY="worker",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None,
        LIVE_ACTIVITY_APNS_KEY=a_key(),
        LIVE_ACTIVITY_APNS_KEY_ID="KEY1234567",
        LIVE_ACTIVITY_APNS_TEAM_ID="TEAM123456",
        LIVE_ACTIVITY_APNS_BUNDLE_ID=BUNDLE,
        LIVE_ACTIVITY_APNS_ENVIRONMENT="sandbox",
        LIVE_ACTIVITY_APNS_SERVER=url or "https://127.0.0.1:9",
    )
    if ca:
        app.config["LIVE_ACTIVITY_APNS_CA"] = ca
    app.config.update(config)
    JWTManager(app)
    LiveActivity(app)
    return app


@contextlib.contextmanager
def a_database(kind: str, folder: str) -> Iterator[str | None]:
    """The URI of a new database, dropped at the end; ``None`` where its server is not there."""
    name = f"live_activity_bench_{uuid.uuid4().hex}"
    if kind == "SQLite":
        yield f"sqlite:///{folder}/{name}.db"
        return
    engine = create_engine(SERVERS[kind], isolation_level="AUTOCOMMIT")
    try:
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        except SQLAlchemyError:
            yield None
            return
        yield make_url(SERVERS[kind]).set(database=name).render_as_string(hide_password=False)
        force = " WITH (FORCE)" if kind == "PostgreSQL" else ""
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}{force}"))
    finally:
        engine.dispose()


def fill(installation: Installation, count: int, stream: str = STREAM) -> None:
    """Register so many activities, past the endpoint."""
    storage: Any = installation.storage
    storage.prepare()
    now = time.time()
    for begin in range(0, count, 5000):
        phones = [
            Claimant(
                user_id=f"user-{number}",
                device_id="iphone",
                activity_id=f"activity-{stream}-{number}",
                stream_id=stream,
                token=f"{stream}{a_token(number)[24:]}",
            ).session(now, 12 * 3600.0)
            for number in range(begin, min(begin + 5000, count))
        ]
        with storage.engine.begin() as connection:
            insert(connection, phones)
    with storage.engine.begin() as connection:
        analyze(connection)


def insert(connection: Connection, phones: list[Session]) -> None:
    """Insert phones into both tables, past all checks."""
    connection.execute(sessions.insert(), [session_row(phone) for phone in phones])
    connection.execute(active_sessions.insert(), [active_row(phone) for phone in phones])


def analyze(connection: Connection) -> None:
    """Have the database count what was just filled in."""
    # By itself it comes a minute later, and until then a plan may be that of an empty table.
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))


def compact(connection: Connection) -> None:
    """Have the database clear away what changes have left behind, as it does by itself in time."""
    if connection.dialect.name == "postgresql":
        # A transaction around it would be refused.
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


def filled(storage_uri: str, count: int) -> dict[str, int]:
    """A measurement that measures nothing: in a process of its own, whose memory goes with it."""
    installation = installed_on(make_host(storage_uri))
    fill(installation, count)
    installation.close()
    return {"sessions": count}


MEASURES = {"filled": filled}
