"""The README's promises: its first example runs, its tables name what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask
from flask_jwt_extended import create_access_token

from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.settings import read_settings

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


def first_python_block() -> str:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
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
