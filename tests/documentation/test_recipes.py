"""The recipes for a host's other parts, with those parts."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import services
import yaml
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token
from flask_sqlalchemy import SQLAlchemy

from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.cli import live_activity_commands

from .blocks import ROOT, blocks

STREAM = "65f000000000000000000001"
PATH = "/api/v1/notifications/live-activity-sessions"
BODY = {
    "streamId": STREAM,
    "deviceId": "iphone-15-pro-max",
    "liveActivityToken": "live_activity_runtime_token",
    "activityId": "live-activity-123",
}


def code_of(page: str, names: dict[str, Any]) -> dict[str, Any]:
    """What the page's blocks define, run one after the other."""
    for block in blocks("python"):
        if block.page == page:
            exec(compile("\n" * block.line + block.text, page, "exec"), names)
    return names


def register(app: Flask) -> Any:
    with app.app_context():
        token = create_access_token("ada")
    return app.test_client().post(PATH, json=BODY, headers={"Authorization": f"Bearer {token}"})


# --- Flask-SQLAlchemy ---------------------------------------------------------------------------


@pytest.fixture(params=["a pool of its own", "the host's engine"])
def shop(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, SQLAlchemy, dict[str, Any]]]:
    """A host on PostgreSQL, made as the page makes it."""
    with services.postgresql() as uri:
        monkeypatch.setenv("FLASK_JWT_SECRET_KEY", "a secret of thirty-two characters")
        monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", uri)
        monkeypatch.setenv("FLASK_LIVE_ACTIVITY_PUSH", "memory")
        monkeypatch.setenv("FLASK_LIVE_ACTIVITY_DELIVERY", "inline")
        monkeypatch.setenv("FLASK_LIVE_ACTIVITY_ALLOW_ANY_STREAM", "true")
        names = code_of(
            "docs/howto/flask-sqlalchemy.md",
            {"__name__": "shop", "notify_stream_state": notify_stream_state},
        )
        if request.param == "a pool of its own":
            app = names["create_app"]()
        else:
            app = Flask("shop")
            app.config.from_prefixed_env()
            JWTManager(app)
            names["db"].init_app(app)
            names["install"](app)
        yield app, names["db"], names
        installed_on(app).close()
        with app.app_context():
            names["db"].engine.dispose()


def test_a_committed_cancellation_ends_the_activity(
    shop: tuple[Flask, SQLAlchemy, dict[str, Any]],
) -> None:
    app, db, names = shop

    class Stream(db.Model):  # type: ignore[name-defined, misc]
        id = db.Column(db.String(24), primary_key=True)
        is_cancelled = db.Column(db.Boolean, default=False)

    with app.app_context():
        db.create_all()
        db.session.add(Stream(id=STREAM))
        db.session.commit()
    assert register(app).json == {"success": True}
    with app.app_context():
        names["cancel"](db.session.get(Stream, STREAM))
        assert db.session.get(Stream, STREAM).is_cancelled
    assert [push.token for push in installed_on(app).push.sent] == [BODY["liveActivityToken"]]


def test_the_hosts_drop_all_leaves_the_sessions(
    shop: tuple[Flask, SQLAlchemy, dict[str, Any]],
) -> None:
    app, db, _ = shop
    register(app)
    with app.app_context():
        db.drop_all()
    assert len(installed_on(app).storage.sessions.page()) == 1


def test_what_is_announced_is_not_undone_by_a_rollback(
    shop: tuple[Flask, SQLAlchemy, dict[str, Any]],
) -> None:
    app, db, _ = shop
    register(app)
    with app.app_context():
        notify_stream_state(STREAM, "cancelled")
        db.session.rollback()
    assert register(app).status_code == 409


# --- Flask-CORS ---------------------------------------------------------------------------------

HOME = {"Origin": "https://shop.example.com"}


@pytest.fixture
def open_to_browsers() -> Iterator[Flask]:
    app = Flask("shop")
    app.config.update(
        JWT_SECRET_KEY="x" * 32,
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    JWTManager(app)
    LiveActivity(app)
    code_of("docs/howto/cors.md", {"app": app})
    yield app
    installed_on(app).close()


def test_a_browser_may_ask_before_it_calls(open_to_browsers: Flask) -> None:
    asked = {
        **HOME,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = open_to_browsers.test_client().options(PATH, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == HOME["Origin"]
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"].lower() == "authorization, content-type"


def test_a_browser_may_read_answers_and_failures(open_to_browsers: Flask) -> None:
    with open_to_browsers.app_context():
        token = create_access_token("ada")
    client = open_to_browsers.test_client()
    for bearer, body, status in [(token, BODY, 200), (token, {}, 400), ("no token", BODY, 401)]:
        headers = {**HOME, "Authorization": f"Bearer {bearer}"}
        answer = client.post(PATH, json=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == HOME["Origin"]


def test_another_origin_may_not(open_to_browsers: Flask) -> None:
    headers = {"Origin": "https://elsewhere.example.com"}
    answer = open_to_browsers.test_client().post(PATH, json=BODY, headers=headers)
    assert "Access-Control-Allow-Origin" not in answer.headers


# --- systemd and Kubernetes ---------------------------------------------------------------------

UNIT = ROOT / "deploy/systemd/live-activity-worker@.service"
MANIFEST = ROOT / "deploy/kubernetes.yaml"
DEPLOYMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))
PODS = [each["spec"]["template"]["spec"] for each in DEPLOYMENTS]
CONTAINERS = [each for pod in PODS for each in [*pod.get("initContainers", []), *pod["containers"]]]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    services.require(
        shutil.which("systemd-analyze") is not None, "systemd", "apt-get install systemd"
    )
    flask = str(Path(sys.executable).with_name("flask"))
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/srv/shop/.venv/bin/flask", flask))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    # What it does not know it only ignores, aloud.
    assert [line for line in done.stderr.splitlines() if UNIT.stem in line] == []
    assert done.returncode == 0


def unit(name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return dict(parser[name])


def our_command(words: list[str]) -> click.Command:
    name, *options = words[words.index("live-activity") + 1 :]
    command = live_activity_commands.get_command(click.Context(live_activity_commands), name)
    assert command is not None, name
    command.make_context(name, options)
    return command


def test_the_unit_starts_a_worker() -> None:
    assert our_command(shlex.split(unit("Service")["ExecStart"])).name == "worker"


def test_the_unit_hands_the_worker_the_key_that_systemd_has_loaded() -> None:
    service = unit("Service")
    name, _, file = service["LoadCredential"].partition(":")
    assert service["Environment"] == f"FLASK_LIVE_ACTIVITY_APNS_KEY=%d/{name}"
    assert file.startswith("/etc/shop/")


def test_every_container_runs_what_there_is() -> None:
    ours = [each["command"] for each in CONTAINERS if "live-activity" in each["command"]]
    assert [our_command(command).name for command in ours] == ["prepare", "worker"]
    others = [each["command"][0] for each in CONTAINERS if each["command"] not in ours]
    assert others == ["gunicorn"]


def test_every_container_has_the_same_settings_and_the_key() -> None:
    first = CONTAINERS[0]
    for each in CONTAINERS[1:]:
        assert all(each[key] == first[key] for key in ("image", "env", "envFrom", "volumeMounts"))
    set_to = {each["name"]: each["value"] for each in first["env"]}
    (mount,) = first["volumeMounts"]
    assert set_to["FLASK_LIVE_ACTIVITY_DELIVERY"] == "worker"
    assert Path(set_to["FLASK_LIVE_ACTIVITY_APNS_KEY"]).parent == Path(mount["mountPath"])
    assert all(volume["name"] == mount["name"] for pod in PODS for volume in pod["volumes"])


def test_the_secrets_are_those_that_the_page_makes() -> None:
    page = (ROOT / "docs/howto/kubernetes.md").read_text()
    made = set(re.findall(r"kubectl create secret generic (\S+)", page))
    named = {each["envFrom"][0]["secretRef"]["name"] for each in CONTAINERS}
    named |= {volume["secret"]["secretName"] for pod in PODS for volume in pod["volumes"]}
    assert made == named


def test_a_deployment_finds_its_pods() -> None:
    for each in DEPLOYMENTS:
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"] == labels
