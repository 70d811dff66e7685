"""The host's own tables. They know nothing of Live Activities."""

from __future__ import annotations

import time
from pathlib import Path

from bson import ObjectId
from flask import Flask, current_app
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from werkzeug.security import generate_password_hash

PEOPLE = {"ada": "lovelace", "grace": "hopper", "alan": "turing", "mary": "jackson"}

IN_HALF_AN_HOUR = 1800.0


class Base(DeclarativeBase):
    """The host's tables."""


class User(Base):
    """Somebody who follows streams, or hosts them."""

    __tablename__ = "users"
    username: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]


class Stream(Base):
    """A stream, with one of the statuses of Allmine's public API."""

    __tablename__ = "streams"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: str(ObjectId()))
    title: Mapped[str]
    host: Mapped[str] = mapped_column(ForeignKey("users.username"))
    status: Mapped[str] = mapped_column(default="scheduled")
    starts_at: Mapped[float] = mapped_column(default=lambda: time.time() + IN_HALF_AN_HOUR)
    """Seconds since the epoch."""


def open_database(app: Flask) -> None:
    """Open the app's database in its instance folder, with a few people in it."""
    Path(app.instance_path).mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{app.instance_path}/allmine.db")
    app.extensions["allmine"] = sessionmaker(engine, expire_on_commit=False)
    with engine.begin() as connection, Session(connection) as session:
        # Several processes start at once: one makes the tables, the others wait and find them.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        Base.metadata.create_all(connection)
        for username, password in PEOPLE.items():
            if session.get(User, username) is None:
                user = User(username=username, password_hash=generate_password_hash(password))
                session.add(user)
        session.flush()


def database() -> Session:
    """A session on the current app's database: ``with database() as session``."""
    make_session: sessionmaker[Session] = current_app.extensions["allmine"]
    return make_session()
