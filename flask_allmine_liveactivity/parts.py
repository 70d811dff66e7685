"""Settings into parts: which storage, which push backend.

``check_*`` sees at start-up what can be seen without connecting; ``open_*`` builds, at first use.
A URI is never quoted in an error: it may hold a password.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.settings import ApnsSettings, Settings
from flask_allmine_liveactivity.storage.base import Storage

_STORAGE_URIS = (
    "'sqlite:///live_activity.db', 'postgresql+psycopg://host/db', 'mysql+pymysql://host/db', "
    "'mongodb://host/db', 'mongodb+srv://host/db', 'memory://', 'mongomock://' or "
    "'module:factory'"
)
# What a worker on another machine cannot see.
_ONE_MACHINE = {
    None: "the default storage is a file on one",
    "memory": "'memory://' is in one process",
    "mongomock": "'mongomock://' is in one process",
}
_MODULE_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
# By SQLAlchemy's driver name: what to install.
_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql"}
# How long MongoDB may take to be found, in milliseconds, where the host says nothing of it:
# a phone does not wait for the driver's thirty seconds.
MONGODB_FOUND_WITHIN = 5000


def check_storage(settings: Settings, instance_path: str, given: Storage | None = None) -> None:
    """Raise ``ConfigurationError`` where ``open_storage`` could not succeed, or where the storage,
    one `given` by the host or the one that is set, is out of reach of those who deliver."""
    uri = settings.storage_uri
    scheme = _scheme(uri) if given is None else _scheme_of(given)
    if settings.delivery == "celery" and scheme in _ONE_MACHINE:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_DELIVERY = 'celery' spreads over machines, and {_ONE_MACHINE[scheme]}: "
            "set LIVE_ACTIVITY_STORAGE_URI, for example 'mongodb://host/db'."
        )
    if given is not None:
        return
    if scheme in ("memory", None):
        return
    if scheme == "mongomock":
        _import("mongomock", "mongomock")
    elif scheme in ("mongodb", "mongodb+srv"):
        _check_mongodb(uri or "", settings)
    elif scheme == "module":
        _factory(uri or "", "LIVE_ACTIVITY_STORAGE_URI")
    else:
        _sql_engine(settings, instance_path).dispose()


def open_storage(settings: Settings, instance_path: str) -> Storage:
    """The storage that ``LIVE_ACTIVITY_STORAGE_URI`` names."""
    uri = settings.storage_uri
    scheme = _scheme(uri)
    if scheme == "memory":
        from flask_allmine_liveactivity.storage.memory import MemoryStorage

        return MemoryStorage()
    if scheme == "mongomock":
        from flask_allmine_liveactivity.storage.mongodb import MongoStorage

        return MongoStorage(_import("mongomock", "mongomock").MongoClient()["live_activity"])
    if scheme in ("mongodb", "mongodb+srv"):
        return _open_mongodb(uri or "", settings)
    if scheme == "module":
        storage = _factory(uri or "", "LIVE_ACTIVITY_STORAGE_URI")()
        if not isinstance(storage, Storage):
            raise _not_a(Storage, storage, "LIVE_ACTIVITY_STORAGE_URI")
        return storage
    from flask_allmine_liveactivity.storage.sql import SQLStorage

    return SQLStorage(_sql_engine(settings, instance_path), owned=True)


def _scheme(uri: str | None) -> str | None:
    """The scheme of a storage URI; ``module`` for ``module:factory``; ``None`` for the default."""
    if uri is None:
        return None
    scheme, separator, rest = uri.partition(":")
    if not separator or not rest:
        raise ConfigurationError(f"LIVE_ACTIVITY_STORAGE_URI must be one of {_STORAGE_URIS}.")
    return scheme if rest.startswith("//") else "module"


def _scheme_of(given: Storage) -> str:
    from flask_allmine_liveactivity.storage.memory import MemoryStorage

    return "memory" if isinstance(given, MemoryStorage) else "given"


def _check_mongodb(uri: str, settings: Settings) -> None:
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    if not re.match(r"mongodb(\+srv)?://[^/]*/[^?]", uri):
        raise ConfigurationError(
            "LIVE_ACTIVITY_STORAGE_URI names no database: 'mongodb://host/database'."
        )
    if uri.startswith("mongodb+srv"):  # cannot be read without asking a name server
        return
    try:
        parse_uri(uri, validate=False)
    except (PyMongoError, ValueError) as error:  # their messages quote parts of it
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI cannot be read ({type(error).__name__}): "
            "'mongodb://user:password@host:port/database'. In user and password escape what is "
            "special in a URL (urllib.parse.quote_plus)."
        ) from None
    try:
        _mongodb_client(uri, settings, connect=False).close()
    except (PyMongoError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_OPTIONS, or the options in LIVE_ACTIVITY_STORAGE_URI: {error}"
        ) from None


def _open_mongodb(uri: str, settings: Settings) -> Storage:
    from pymongo.errors import PyMongoError

    from flask_allmine_liveactivity.storage.mongodb import MongoStorage

    try:
        client = _mongodb_client(uri, settings)
        return MongoStorage(client.get_default_database(), owned=True)
    except (PyMongoError, ValueError) as error:  # 'mongodb+srv': the name server did not answer
        raise StorageUnavailable(
            f"LIVE_ACTIVITY_STORAGE_URI: MongoDB was not found ({type(error).__name__})."
        ) from None


def _mongodb_client(uri: str, settings: Settings, **more: Any) -> Any:
    from pymongo import MongoClient

    options = dict(settings.storage_options)
    if "serverselectiontimeoutms" not in uri.lower() + "".join(options).lower():
        options["serverSelectionTimeoutMS"] = MONGODB_FOUND_WITHIN
    return MongoClient(uri, **{**options, **more})


def _sql_engine(settings: Settings, instance_path: str) -> Any:
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    from flask_allmine_liveactivity.storage.sql.dialects import DATABASES
    from flask_allmine_liveactivity.storage.sql.patience import connect_args, wait_no_longer
    from flask_allmine_liveactivity.storage.sql.sqlite import BUSY_TIMEOUT, open_durably

    try:
        url = make_url(settings.storage_uri or "sqlite:///live_activity.db")
    except (ArgumentError, ValueError):  # their messages quote parts of it
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI cannot be read: it must be one of {_STORAGE_URIS}."
        ) from None
    if url.get_backend_name() not in DATABASES:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI: {url.get_backend_name()!r} is not supported, but "
            f"{_STORAGE_URIS}."
        )
    options = dict(settings.storage_options)
    given = options.get("connect_args", {})
    if not isinstance(given, Mapping):
        raise ConfigurationError("LIVE_ACTIVITY_STORAGE_OPTIONS: connect_args must be a mapping.")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigurationError(
                "LIVE_ACTIVITY_STORAGE_URI: a SQLite database in memory is another one for each "
                "connection. Use 'memory://', or name a file: 'sqlite:///live_activity.db'."
            )
        file = Path(instance_path, url.database)  # a relative one is in the instance folder
        _make_folder(file.parent)
        url = url.set(database=str(file))
        options["connect_args"] = {"timeout": BUSY_TIMEOUT, **given}
    else:
        options["connect_args"] = {**connect_args(url), **given}
    try:
        engine = create_engine(url, **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        driver = url.get_driver_name() if isinstance(error, ModuleNotFoundError) else ""
        extra = _EXTRAS.get(driver)
        install = f'pip install "flask-allmine-liveactivity[{extra}]"' if extra else "its package"
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI asks for the driver {driver or url.drivername!r}, which is "
            f"not installed: {install}"
        ) from None
    except TypeError as error:
        raise ConfigurationError(f"LIVE_ACTIVITY_STORAGE_OPTIONS: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", open_durably)
    wait_no_longer(engine)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_STORAGE_URI: the folder {str(folder)!r} cannot be made "
            f"({error.strerror}). Name a SQLite file where this process may write, or another "
            "database."
        ) from None


def check_push(settings: Settings) -> None:
    """Raise ``ConfigurationError`` where ``open_push`` could not succeed."""
    push = settings.push
    if push in ("memory", "console"):
        return
    if push == "apns":
        from flask_allmine_liveactivity.push.apns.client import require_http2

        require_http2()
    elif push == "apns2":
        open_push(settings).close()
    elif isinstance(push, str) and ":" in push:
        _factory(push, "LIVE_ACTIVITY_PUSH")
    elif isinstance(push, PushBackend):
        adopt_push(push, settings)
    else:
        raise ConfigurationError(
            "LIVE_ACTIVITY_PUSH must be 'apns', 'apns2', 'console', 'memory', 'module:factory' or "
            f"a PushBackend, and is {push if isinstance(push, str) else type(push).__name__!r}."
        )


def adopt_push(push: PushBackend, settings: Settings) -> PushBackend:
    """A push backend of the host's, given what only the settings know."""
    from flask_allmine_liveactivity.push.apns2 import Apns2Push

    if isinstance(push, Apns2Push):
        push.use_bundle_id(settings.bundle_id)
    return push


def open_push(settings: Settings) -> PushBackend:
    """The push backend that ``LIVE_ACTIVITY_PUSH`` names."""
    push = settings.push
    if isinstance(push, PushBackend):
        return push
    if push == "memory":
        from flask_allmine_liveactivity.push.memory import MemoryPush

        return MemoryPush()
    if push == "console":
        from flask_allmine_liveactivity.push.console import ConsolePush

        return ConsolePush()
    if push in ("apns", "apns2"):
        assert settings.apns is not None  # read_settings has seen to it
        return _OPEN_APNS[push](settings.apns)
    made = _factory(push, "LIVE_ACTIVITY_PUSH")()
    if not isinstance(made, PushBackend):
        raise _not_a(PushBackend, made, "LIVE_ACTIVITY_PUSH")
    return made


def _open_apns(apns: ApnsSettings) -> PushBackend:
    from flask_allmine_liveactivity.push.apns.client import SERVERS, ApnsPush, topic_of
    from flask_allmine_liveactivity.push.apns.connection import Endpoint
    from flask_allmine_liveactivity.push.apns.provider_token import (
        ProviderToken,
        read_signing_key,
    )

    endpoint = Endpoint(
        url=apns.server or SERVERS[apns.environment], topic=topic_of(apns.bundle_id), ca=apns.ca
    )
    token = ProviderToken(read_signing_key(apns.key), apns.key_id, apns.team_id)
    return ApnsPush(endpoint, token, apns.connections)


def _open_apns2(apns: ApnsSettings) -> PushBackend:
    from flask_allmine_liveactivity.push.apns2 import open_apns2

    return open_apns2(apns)


_OPEN_APNS: dict[str, Callable[[ApnsSettings], PushBackend]] = {
    "apns": _open_apns,
    "apns2": _open_apns2,
}


def _not_a(kind: type[object], made: object, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"{key}: the factory made a {type(made).__name__}, and must make a {kind.__name__}."
    )


def _factory(path: str, key: str) -> Callable[[], Any]:
    # Not the value itself: it may be a URI that lost its slashes, with a password in it.
    if not _MODULE_FACTORY.fullmatch(path):
        forms = _STORAGE_URIS if key == "LIVE_ACTIVITY_STORAGE_URI" else "'module:factory'"
        raise ConfigurationError(f"{key} cannot be read: it must be one of {forms}.")
    module, _, name = path.partition(":")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{key}: cannot import 'module:factory' ({error}).") from error
    if not callable(factory):
        raise ConfigurationError(f"{key}: {path!r} cannot be called; name a class or a function.")
    return factory  # type: ignore[no-any-return]


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigurationError(
            f'{module} is not installed: pip install "flask-allmine-liveactivity[{extra}]"'
        ) from None
