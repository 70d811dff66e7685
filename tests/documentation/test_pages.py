"""What the pages promise: their examples run, their tables name what there is."""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from flask import Flask
from flask_jwt_extended import create_access_token
from testing.host import Stream
from testing.host import create_app as hosts_app

import example_app
import flask_allmine_liveactivity
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.app.settings import read_settings
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.testing import ContentState, capture_pushes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STREAM = "65f000000000000000000001"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("FLASK_JWT_SECRET_KEY", "a secret of thirty-two characters")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_PUSH", "memory")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_DELIVERY", "inline")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_STORAGE_URI", f"sqlite:///{tmp_path}/readme.db")
    return iter([None])


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def first_python_block(text: str = README) -> str:
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1)


class NewcomersHost:
    """A host whose callback is the README's first example, with a phone that follows its stream."""

    def __init__(self) -> None:
        embedding, self._changing = first_python_block().split("# ... and in your own code")
        self.soon = datetime.now(UTC) + timedelta(minutes=30)
        self.stream = SimpleNamespace(title="A talk", starts_at=self.soon, ended=None)
        self._names: dict[str, object] = {
            "__name__": "shop",
            "STREAMS": {STREAM: self.stream},
            "stream_id": STREAM,
        }
        exec(embedding, self._names)
        app = self._names["app"]
        assert isinstance(app, Flask)
        self.app = app
        self.installation = installed_on(app)

    def is_followed(self) -> None:
        with self.app.app_context():
            token = create_access_token("ada")
        curl = re.search(r"-d '(\{ \"streamId\".*?\})'", README, re.DOTALL)
        assert curl is not None
        answer = self.app.test_client().post(
            "/api/v1/notifications/live-activity-sessions",
            data=curl.group(1),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        assert answer.data == b'{"success": true}'

    def says_that_it_has_changed(self) -> None:
        with self.app.app_context():
            exec(self._changing.split("\n", 1)[1], self._names)

    def is_asked(self, seconds: float) -> None:
        later = time.time() + seconds
        self.installation.streams.ask_due(clock=lambda: later)

    def told(self) -> list[Any]:
        """What the phone was, as Apple got it."""
        sent = self.installation.push.sent  # type: ignore[attr-defined]
        assert {push.token for push in sent} <= {"live_activity_runtime_token"}
        return [json.loads(push.payload)["aps"] for push in sent]


@pytest.fixture
def newcomer() -> Iterator[NewcomersHost]:
    host = NewcomersHost()
    host.is_followed()
    yield host
    host.installation.close()


def test_a_phone_follows_the_first_example_of_the_readme(newcomer: NewcomersHost) -> None:
    newcomer.stream.title = "Another talk"
    newcomer.says_that_it_has_changed()
    newcomer.stream.ended = "cancelled"
    newcomer.says_that_it_has_changed()
    update, end = newcomer.told()
    shown = {"title": "Another talk", "startsAt": newcomer.soon.timestamp()}
    assert (update["event"], update["content-state"]) == ("update", shown)
    assert end["event"] == "end"


def test_the_first_example_of_the_readme_may_forget_to_say_it(newcomer: NewcomersHost) -> None:
    newcomer.stream.ended = "started"
    newcomer.is_asked(61)
    assert newcomer.told() == []
    newcomer.is_asked(122)
    assert [aps["event"] for aps in newcomer.told()] == ["end"]


def test_the_readmes_test_of_a_hosts_route_passes() -> None:
    app = hosts_app()
    names: dict[str, object] = {"stream_id": STREAM}
    exec(first_python_block(page("howto/testing.md")), names)
    test = names["test_cancelling_a_stream_ends_its_countdowns"]
    assert callable(test)
    with capture_pushes(app) as outbox:
        test(app.test_client(), outbox)
    app.extensions["live_activity"].close()


def test_the_readmes_test_finds_a_route_that_forgets_to_notify(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = hosts_app()
    monkeypatch.setitem(app.view_functions, "cancel", lambda stream_id: {})
    names: dict[str, object] = {"stream_id": STREAM}
    exec(first_python_block(page("howto/testing.md")), names)
    test = names["test_cancelling_a_stream_ends_its_countdowns"]
    assert callable(test)
    with capture_pushes(app) as outbox, pytest.raises(ValueError, match="not enough values"):
        test(app.test_client(), outbox)
    app.extensions["live_activity"].close()


def said_of_updates() -> dict[str, Callable[..., None]]:
    """Those on the page about what an app says of a stream."""
    text = page("howto/testing.md")
    found: dict[str, Any] = {"stream_id": STREAM, "Stream": Stream}
    section = text[text.index("## What your app says") : text.index("## The content-state")]
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        exec(block, found)
    return {name: found[name] for name in found if name.startswith("test_")}


@pytest.mark.parametrize("name", said_of_updates())
def test_the_pages_said_of_updates_and_of_what_is_found_pass(name: str) -> None:
    run(hosts_app(), said_of_updates()[name])


@pytest.mark.parametrize("name", said_of_updates())
def test_they_find_an_app_whose_callback_says_nothing(name: str) -> None:
    app = hosts_app()
    app.extensions["live_activity"].callbacks.streams = lambda stream_ids: {}
    with pytest.raises((AssertionError, ValueError)):
        run(app, said_of_updates()[name])


def run(app: Flask, test: Callable[..., None]) -> None:
    with capture_pushes(app) as outbox:
        given = {"app": app, "client": app.test_client(), "live_activity_outbox": outbox}
        test(**{name: given[name] for name in inspect.signature(test).parameters})
    app.extensions["live_activity"].close()


def test_the_pages_test_of_a_content_state_passes() -> None:
    app = hosts_app()
    names: dict[str, object] = {"stream_id": STREAM}
    text = page("howto/testing.md")
    exec(first_python_block(text[text.index("## The content-state") :]), names)
    test = names["test_the_app_can_decode_the_end"]
    assert callable(test)
    with capture_pushes(app) as outbox:
        test(app.test_client(), outbox)
    ContentState(names["CONTENT_STATE"])  # type: ignore[arg-type]
    app.extensions["live_activity"].close()


def test_the_local_apple_of_the_readme_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_a_folder_of_its_own = functools.partial(example_app.create_app, instance_path=str(tmp_path))
    monkeypatch.setattr(example_app, "create_app", in_a_folder_of_its_own)
    for name in list(os.environ):
        if name.startswith("FLASK_LIVE_ACTIVITY"):
            monkeypatch.delenv(name)
    names: dict[str, object] = {}
    exec(first_python_block(page("howto/local-apple.md")), names)
    app = names["app"]
    assert isinstance(app, Flask)
    app.extensions["live_activity"].close()


def test_every_setting_has_its_line_and_its_anchor() -> None:
    asked: set[str] = set()

    class Asked(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
            asked.add(key.removeprefix("LIVE_ACTIVITY_"))
            return default

    read_settings(Asked(), push_given=False, lenient=True)
    rows = re.findall(r"^\| (.*?) \|", page("reference/configuration.md"), re.MULTILINE)
    anchored = r'<a id="([a-z0-9-]+)"></a>`([A-Z0-9_]+)`'
    settings = [pair for row in rows for pair in re.findall(anchored, row)]
    assert all(anchor == name.lower().replace("_", "-") for anchor, name in settings)
    assert sorted(asked) == sorted(name for _, name in settings)


def test_every_command_has_its_line() -> None:
    table = page("reference/commands.md")
    context = click.Context(live_activity_commands)
    for name in live_activity_commands.list_commands(context):
        assert re.search(rf"`{name}\b|, `{name}|`{name} ", table), name


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", file.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        target = (file.parent / name) if name else file
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {_anchor(title) for title in titles}, link


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("sphinx-build")),
            "--fail-on-warning",
            "--quiet",
            str(ROOT / "docs"),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    built = (tmp_path / "reference" / "python.html").read_text()
    assert "notify_stream_state" in built
    # As a note of Sphinx's, and nowhere as text.
    assert f"Added in version {flask_allmine_liveactivity.__version__}" in built
    assert "versionadded::" not in built
