"""What the pages promise: their examples run, their tables name what there is."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask
from flask_jwt_extended import create_access_token
from testing.host import create_app as hosts_app

import example_app
import flask_allmine_liveactivity
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


def test_the_first_example_of_the_readme_ends_a_registered_activity() -> None:
    embedding, notifying = first_python_block().split("# ... and in your own code")
    names: dict[str, object] = {"__name__": "shop", "STREAMS": {STREAM}, "stream_id": STREAM}
    exec(embedding, names)
    app = names["app"]
    assert isinstance(app, Flask)
    with app.app_context():
        token = create_access_token("ada")
    curl = re.search(r"-d '(\{ \"streamId\".*?\})'", README, re.DOTALL)
    assert curl is not None

    answer = app.test_client().post(
        "/api/v1/notifications/live-activity-sessions",
        data=curl.group(1),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with app.app_context():
        exec(notifying.split("\n", 1)[1], names)

    assert answer.data == b'{"success": true}'
    installation = app.extensions["live_activity"]
    assert [push.token for push in installation.push.sent] == ["live_activity_runtime_token"]
    installation.close()


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
