"""The README's promises: its first example runs, its tables name what there is."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask
from flask_jwt_extended import create_access_token
from testing.host import create_app as hosts_app

import example_app
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.settings import read_settings
from flask_allmine_liveactivity.testing import capture_pushes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STREAM = "65f000000000000000000001"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("FLASK_JWT_SECRET_KEY", "a secret of thirty-two characters")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_PUSH", "memory")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_DELIVERY", "inline")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_STORAGE_URI", f"sqlite:///{tmp_path}/readme.db")
    return iter([None])


def first_python_block(heading: str = "# ") -> str:
    """The first after a heading."""
    found = re.search(r"```python\n(.*?)```", README[README.index(heading) :], re.DOTALL)
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
    exec(first_python_block("## Testing your app"), names)
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
    exec(first_python_block("## Testing your app"), names)
    test = names["test_cancelling_a_stream_ends_its_countdowns"]
    assert callable(test)
    with capture_pushes(app) as outbox, pytest.raises(ValueError, match="not enough values"):
        test(app.test_client(), outbox)
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
    exec(first_python_block("### A local Apple"), names)
    app = names["app"]
    assert isinstance(app, Flask)
    app.extensions["live_activity"].close()


def test_every_setting_is_in_the_readme() -> None:
    asked: set[str] = set()

    class Asked(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
            asked.add(key.removeprefix("LIVE_ACTIVITY_"))
            return default

    read_settings(Asked(), push_given=False, lenient=True)
    table = README[README.index("| key `LIVE_ACTIVITY_") : README.index("## Swapping storage")]
    assert asked - set(re.findall(r"`([A-Z0-9_]+)`", table)) == set()


def test_every_command_is_in_the_readme() -> None:
    table = README[README.index("| command |") : README.index("## Runbook")]
    context = click.Context(live_activity_commands)
    for name in live_activity_commands.list_commands(context):
        assert re.search(rf"`{name}\b|, `{name}|`{name} ", table), name


def test_links_to_files_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!#|https?:)([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
