"""What ``import flask_allmine_liveactivity`` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import flask_allmine_liveactivity

PUBLIC = [
    "ConfigurationError",
    "Countdown",
    "Decide",
    "DeliveryReport",
    "LiveActivity",
    "LiveActivityError",
    "PayloadTooLarge",
    "Push",
    "PushBackend",
    "PushResult",
    "SchemaUnusable",
    "Session",
    "SessionStatus",
    "Sessions",
    "Settlement",
    "Storage",
    "StorageUnavailable",
    "StreamEvent",
    "StreamForbidden",
    "StreamNotFound",
    "StreamReceipt",
    "StreamReport",
    "StreamState",
    "Streams",
    "Verdict",
    "notify_stream_state",
    "__version__",
    "Apns2Push",
    "ConsolePush",
    "Announcement",
    "Counts",
    "Outcome",
    "Resolution",
    "Resolve",
    "MemoryPush",
    "MemoryStorage",
    "MongoStorage",
    "SQLStorage",
]


def loaded_after(code: str) -> set[str]:
    """The top-level names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_at_the_top_level(name: str) -> None:
    assert getattr(flask_allmine_liveactivity, name).__class__ is not None


def test_all_lists_the_public_names() -> None:
    assert sorted(flask_allmine_liveactivity.__all__) == sorted(PUBLIC)


def test_a_star_import_brings_them_all() -> None:
    names: dict[str, object] = {}
    exec("from flask_allmine_liveactivity import *", names)
    assert set(PUBLIC) <= set(names)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'RedisStorage'"):
        flask_allmine_liveactivity.RedisStorage  # noqa: B018


DRIVERS = {"pymongo", "bson", "sqlalchemy", "psycopg", "pymysql", "mongomock", "apns2", "pycurl"}


def test_importing_the_package_loads_no_driver() -> None:
    assert loaded_after("import flask_allmine_liveactivity") & DRIVERS == set()


@pytest.mark.parametrize(
    ("name", "drivers"),
    [
        ("MemoryStorage", set()),
        ("MemoryPush", set()),
        ("ConsolePush", set()),
        ("Apns2Push", set()),
        ("SQLStorage", {"sqlalchemy"}),
        ("MongoStorage", {"pymongo", "bson"}),
    ],
)
def test_a_backend_loads_its_own_driver_only(name: str, drivers: set[str]) -> None:
    code = f"from flask_allmine_liveactivity import {name}"
    # apns.client is loaded for the topic, and brings pycurl.
    assert loaded_after(code) & DRIVERS - {"pycurl"} == drivers


def test_an_app_on_memory_loads_no_driver() -> None:
    code = """
from flask import Flask
from flask_allmine_liveactivity import LiveActivity
app = Flask("host")
app.config.update(LIVE_ACTIVITY_STORAGE_URI="memory://", LIVE_ACTIVITY_PUSH="memory")
LiveActivity(app)
"""
    assert loaded_after(code) & DRIVERS - {"pycurl"} == set()


def test_the_simulator_and_its_server_are_not_loaded() -> None:
    assert not loaded_after("import flask_allmine_liveactivity") & {"h2"}


def test_its_errors_have_one_root() -> None:
    errors = [
        getattr(flask_allmine_liveactivity, name)
        for name in PUBLIC
        if name.endswith(("Error", "TooLarge", "Unavailable", "NotFound", "Forbidden"))
    ]
    assert all(issubclass(e, flask_allmine_liveactivity.LiveActivityError) for e in errors)
    assert len(errors) == 6
