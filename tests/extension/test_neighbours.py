"""What libraries keep by name, in one place for all: nothing of ours is where a host's may be."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from blinker import signal
from celery import Celery
from flask import Blueprint, Flask, render_template_string
from marshmallow import Schema, class_registry, fields
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

import flask_allmine_liveactivity
from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.openapi import openapi_document
from flask_allmine_liveactivity.storage.sql import metadata

from .apps import bare_app, make_app, register

PACKAGE = flask_allmine_liveactivity.__name__

# In a process of its own: what is registered is so for as long as it lives.
IMPORT_ALL = f"""
import importlib, json, logging, pkgutil
import {PACKAGE} as package
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


def after_importing_all(program: str) -> Any:
    """What a program prints as JSON, in a process that has loaded each module of the package."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_marshmallow_finds_a_hosts_schema_of_the_same_name(app: Flask) -> None:
    class SessionSchema(Schema):
        title = fields.String()

    class Outer(Schema):
        session = fields.Nested("SessionSchema")

    assert register(app).status_code == 200
    assert Outer().dump({"session": {"title": "mine"}}) == {"session": {"title": "mine"}}
    assert class_registry.get_class("SessionSchema") is SessionSchema


def test_marshmallow_knows_no_class_of_ours() -> None:
    known = after_importing_all(
        "from marshmallow import class_registry\n"
        "print(json.dumps([name for name in class_registry._registry if package.__name__ in name]))"
    )
    assert known == []


@pytest.mark.parametrize("name", ["LiveActivitySession", "Failure", "Conflict"])
def test_a_hosts_schema_of_the_same_name_is_not_described_for_ours(app: Flask, name: str) -> None:
    ours = openapi_document(app)
    theirs = type(name, (Schema,), {"title": fields.String()})
    assert class_registry.get_class(name) is theirs
    assert openapi_document(app) == ours

    spec = APISpec("Host", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema(name, schema=theirs)
    assert list(spec.to_dict()["components"]["schemas"][name]["properties"]) == ["title"]


def test_sqlalchemy_has_our_tables_in_metadata_of_our_own() -> None:
    class Base(DeclarativeBase):
        registry = registry(metadata=MetaData())

    class Session(Base):
        __tablename__ = "live_activity_sessions"
        name: Mapped[str] = mapped_column(String(9), primary_key=True)

    assert Base.metadata.tables["live_activity_sessions"] is Session.__table__
    assert "name" not in metadata.tables["live_activity_sessions"].columns


def test_signals_of_the_same_name_are_the_hosts_own(app: Flask) -> None:
    heard: list[object] = []
    hosts = signal("live-activity-session-registered")
    hosts.connect(heard.append, weak=False)
    register(app)
    assert heard == []


def test_prometheus_has_nothing_of_ours_before_it_is_asked_for() -> None:
    known = after_importing_all(
        "from prometheus_client import REGISTRY\n"
        "names = REGISTRY._names_to_collectors\n"
        "print(json.dumps([name for name in names if 'live_activity' in name]))"
    )
    assert known == []


def test_celery_tasks_are_named_after_the_package() -> None:
    """A host's module live_activity.py would name its own ones so, and one of a name is all."""
    celery = Celery("host", broker="memory://", set_as_current=False)

    def deliver() -> str:
        return "the host's own"

    theirs = celery.task(deliver, name="live_activity.deliver")
    before = set(celery.tasks)
    app = bare_app(
        LIVE_ACTIVITY_DELIVERY="celery",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/db",
    )
    app.extensions["celery"] = celery
    LiveActivity(app)
    ours = set(celery.tasks) - before
    assert ours == {f"{PACKAGE}.deliver", f"{PACKAGE}.sweep"}
    assert theirs() == "the host's own"


def test_no_logger_has_a_level_or_a_handler_of_ours() -> None:
    """What is heard is the host's to say."""
    touched = after_importing_all(
        "known = logging.root.manager.loggerDict.items()\n"
        "print(json.dumps([name for name, each in known if isinstance(each, logging.Logger)"
        " and package.__name__ in name and (each.handlers or each.level)]))"
    )
    assert touched == []


def test_templates_static_files_and_endpoints_are_under_names_of_ours() -> None:
    app = make_app(LIVE_ACTIVITY_API_REFERENCE="/reference")
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()} - {"static"}
    assert all(endpoint.startswith("live_activity") for endpoint in endpoints)
    folder = Path(flask_allmine_liveactivity.__file__).parent
    for templates in folder.rglob("templates"):
        assert all(each.name.startswith("live_activity") for each in templates.iterdir())


def test_a_hosts_own_blueprints_and_templates_are_found_beside_ours(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("the host's own page")
    app = make_app(LIVE_ACTIVITY_API_REFERENCE="/reference")
    theirs = Blueprint("notifications", __name__, template_folder=str(tmp_path))
    theirs.add_url_rule("/page", "register_session", lambda: render_template_string(
        "{% include 'page.html' %}"
    ))  # fmt: skip
    app.register_blueprint(theirs, url_prefix="/api/v1/notifications")
    assert app.test_client().get("/api/v1/notifications/page").data == b"the host's own page"
    assert register(app).status_code == 200


def test_the_pytest_plugin_adds_no_option_and_names_its_fixtures_after_us() -> None:
    plugin = importlib.import_module(f"pytest_{PACKAGE}")
    assert not hasattr(plugin, "pytest_addoption")
    fixtures = [
        name
        for name, each in vars(plugin).items()
        if isinstance(each, pytest.fixture(lambda: None).__class__)
    ]
    assert fixtures
    assert all("live_activity" in name or name == "local_apns" for name in fixtures)
