"""A database's URI into a SQLAlchemy engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.storage.sql.connections import objection_to_pool
from flask_allmine_liveactivity.storage.sql.dialects import (
    DATABASES,
    how_to_install,
    in_utf8,
    objection,
)
from flask_allmine_liveactivity.storage.sql.patience import connect_args, wait_no_longer
from flask_allmine_liveactivity.storage.sql.sqlite import (
    BUSY_TIMEOUT,
    make_the_folder,
    notice_a_deleted_file,
    open_durably,
)


def sql_engine(uri: str | None, given: Mapping[str, Any], folder: str, uris: str) -> Engine:
    """The engine that a URI names; nothing is connected yet.

    Args:
        uri: ``None``: a SQLite file in `folder`.
        given: ``LIVE_ACTIVITY_STORAGE_OPTIONS``.
        folder: Where a relative SQLite file is.
        uris: All that a URI may be, for errors.

    Raises:
        ConfigurationError: It is none of ours, its driver is missing, or an option is wrong.
    """
    try:
        url = make_url(uri or "sqlite:///live_activity.db")
        # What SQLAlchemy does not know at all is said below.
        dialect = url.get_dialect() if url.get_backend_name() in DATABASES else None
    except NoSuchModuleError:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI: SQLAlchemy knows no driver {url.drivername!r}; it must be "
            f"one of {uris}."
        ) from None
    except (ArgumentError, ValueError):  # their messages quote parts of it
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI cannot be read: it must be one of {uris}."
        ) from None
    if dialect is None:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI: {url.get_backend_name()!r} is not supported, but {uris}."
        )
    if against := objection(dialect):
        raise ConfigurationError(f"LIVE_ACTIVITY_STORAGE_URI: {against}.")
    options = dict(given)
    arguments = options.get("connect_args", {})
    if not isinstance(arguments, Mapping):
        raise ConfigurationError("LIVE_ACTIVITY_STORAGE_OPTIONS: connect_args must be a mapping.")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigurationError(
                "LIVE_ACTIVITY_STORAGE_URI: a SQLite database in memory is another one for each "
                "connection. Use 'memory://', or name a file: 'sqlite:///live_activity.db'."
            )
        file = Path(folder, url.database)  # a relative one is in the instance folder
        _require_folder(file.parent)
        url = url.set(database=str(file))
        options["connect_args"] = {"timeout": BUSY_TIMEOUT, **arguments}
    else:
        options["connect_args"] = {**in_utf8(url), **connect_args(url), **arguments}
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI asks for the driver {dialect.driver!r}, which is not "
            f"installed: {how_to_install(dialect.name, dialect.driver)}"
        ) from None
    except TypeError as error:
        raise ConfigurationError(f"LIVE_ACTIVITY_STORAGE_OPTIONS: {error}") from None
    except ArgumentError:  # it quotes the URI
        raise ConfigurationError(
            "LIVE_ACTIVITY_STORAGE_URI is no URI of that database, or a value in "
            f"LIVE_ACTIVITY_STORAGE_OPTIONS is wrong. It must be one of {uris}."
        ) from None
    if against := objection_to_pool(engine.pool):
        raise ConfigurationError(f"LIVE_ACTIVITY_STORAGE_OPTIONS: {against}.")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", open_durably)
        make_the_folder(engine, Path(str(url.database)))
        notice_a_deleted_file(engine, Path(str(url.database)))
    wait_no_longer(engine)
    return engine


def _require_folder(folder: Path) -> None:
    """Only look: it is made with the file."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI: the folder {str(folder)!r} cannot be made or written to. "
            "Name a SQLite file where this process may write, or another database."
        )
