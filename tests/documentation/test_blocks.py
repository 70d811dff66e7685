"""Every block of code on the pages is run, or read by whoever would run it."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import tree_sitter_swift
from celery import Celery
from flask import Flask
from flask_jwt_extended import JWTManager
from pymongo import MongoClient
from sqlalchemy import create_engine
from tree_sitter import Language, Parser

import flask_allmine_liveactivity as package
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.signals import pushes_settled

from .blocks import ROOT, Block, blocks

# Those that need a test of their own, and have it.
ELSEWHERE = {
    "README.md": "test_pages.py",
    "docs/tutorial.md": "test_tutorial.py",
    "docs/howto/ios.md": "test_ios_page.py",
    "docs/howto/flask-migrate.md": "test_flask_migrate.py",
    "docs/howto/testing.md": "test_pages.py",
    "docs/howto/local-apple.md": "test_pages.py",
}
# Property lists are read by test_ios_page.py.
OTHERS = {"{toctree}", "{eval-rst}", "{include} ../CHANGELOG.md", "xml", "dockerfile"}
LANGUAGES = ("python", "json", "swift", "bash", "console", "")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_no_block_is_passed_over() -> None:
    known = {str(block) for block in blocks(*LANGUAGES, *OTHERS)}
    count = sum(page.read_text().count("\n```") for page in (ROOT / "docs").rglob("*.md"))
    count += (ROOT / "README.md").read_text().count("\n```")
    assert 2 * len(known) == count


# --- Python -------------------------------------------------------------------------------------


class Stream:
    """A host's own model, of which the pages speak."""

    is_cancelled = True
    title = "A talk"
    status = "scheduled"
    starts_at = datetime.now(UTC) + timedelta(minutes=30)

    def __init__(self, stream_id: str) -> None:
        self.id = stream_id

    @classmethod
    def get(cls, stream_id: str) -> Stream:
        return cls(stream_id)

    @classmethod
    def by_ids(cls, stream_ids: list[str]) -> list[Stream]:
        return [cls(stream_id) for stream_id in stream_ids]

    def may_follow(self, _user_id: str) -> bool:
        return True


def an_app() -> Flask:
    app = Flask("shop")
    app.config.update(
        JWT_SECRET_KEY="x" * 32,
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_APNS_BUNDLE_ID="com.example.allmine",
    )
    JWTManager(app)
    return app


def names_of_a_host() -> dict[str, Any]:
    """What the reader of a page has already."""
    app = an_app()

    def install(_app: object = None, **given: Any) -> package.LiveActivity:
        return package.LiveActivity(an_app() if _app is app else None, **given)

    return {
        "__name__": "shop",
        "Stream": Stream,
        "app": app,
        "celery_app": Celery("shop", broker="memory://"),
        "client": MongoClient(connect=False),
        "engine": create_engine("sqlite:///host.db"),
        "apns2_client": object(),
        "tokens": None,
        "stream_id": "65f000000000000000000001",
        "user_id": "ada",
        "device_id": "iphone",
        "LiveActivity": install,
        **{name: getattr(package, name) for name in package.__all__ if name != "LiveActivity"},
    }


def by_page(found: list[Block]) -> list[Any]:
    grouped = itertools.groupby(found, key=lambda block: block.page)
    return [pytest.param(list(group), id=page) for page, group in grouped if page not in ELSEWHERE]


@pytest.mark.parametrize("page", by_page(blocks("python")))
def test_python_runs(page: list[Block], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLASK_JWT_SECRET_KEY", "a secret of thirty-two characters")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_PUSH", "memory")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_DELIVERY", "inline")
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_STORAGE_URI", "memory://")
    names = names_of_a_host()
    receivers = dict(pushes_settled.receivers)
    try:
        for block in page:
            run(block, names)
        # A callback that failed would only be logged.
        assert "receipt" not in names or names["receipt"].changed
    finally:
        pushes_settled.receivers.clear()
        pushes_settled.receivers.update(receivers)


def run(block: Block, names: dict[str, Any]) -> None:
    code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec")
    app = names["app"]
    is_the_hosts_code = re.search(r"notify_stream_state\(|live_activity\.stream_\w+\(", block.text)
    if is_the_hosts_code and "live_activity" in app.extensions:
        with app.app_context():
            exec(code, names)
    else:
        exec(code, names)


# --- other languages ----------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("swift"), ids=str)
def test_swift_is_swift(block: Block) -> None:
    """By its grammar: there is no compiler for Apple's frameworks outside of Apple's machines."""
    tree = Parser(Language(tree_sitter_swift.language())).parse(block.text.encode())
    assert not tree.root_node.has_error


# --- commands -----------------------------------------------------------------------------------


def commands(block: Block) -> str:
    """Without what they print."""
    if block.language != "console":
        return block.text
    lines, goes_on = [], False
    for line in block.text.splitlines():
        if line.startswith("$ ") or goes_on:
            lines.append(line.removeprefix("$ "))
            quotes = "\n".join(lines).count("'") % 2
            goes_on = line.endswith("\\") or bool(quotes)
    return "\n".join(lines) + "\n"


SHELL = [
    block
    for block in blocks("bash", "console", "")
    if not re.match(r"\d\d:\d\d:\d\d  \d{3} ", block.text)  # what the local Apple prints
]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_shell_understands_it(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=commands(block), capture_output=True, text=True, timeout=10
    )
    assert done.returncode == 0, done.stderr
    assert commands(block).strip()


@pytest.mark.parametrize("block", blocks("dockerfile"), ids=str)
def test_the_shell_understands_what_an_image_runs(block: Block) -> None:
    steps = block.text.replace("\\\n", " ").splitlines()
    assert {step.split()[0] for step in steps} == {"FROM", "RUN"}
    for step in steps:
        if step.startswith("RUN "):
            subprocess.run(["bash", "-n"], input=step[4:], text=True, check=True, timeout=10)
    (installed,) = re.findall(r"pip install \S+ (\S+)", block.text)
    assert installed == "flask-allmine-liveactivity"


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_is_on_the_install_page(extra: str) -> None:
    assert f"`[{extra}]`" in (ROOT / "docs/install.md").read_text()


def lines_with(word: str) -> list[Any]:
    indented = re.compile(rf"^(?:    |)(?:\$ )?((?:FLASK_\S+ )*{word} .*)$", re.MULTILINE)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        pytest.param(line.partition(" #")[0].strip(), id=f"{page.name}: {line[:60]}")
        for page in pages
        for line in indented.findall(page.read_text())
    ]


def without_options(line: str) -> list[str]:
    """What stands behind ``live-activity``; optional parts of a synopsis are tried, too."""
    words = shlex.split(re.sub(r"[\[\]]", "", line))
    return words[words.index("live-activity") + 1 :]


@pytest.mark.parametrize(
    "line", [each for each in lines_with("flask") if "live-activity " in each.values[0]]
)
def test_a_command_of_ours_exists_with_its_options(line: str) -> None:
    words = without_options(line)
    command = live_activity_commands.get_command(click.Context(live_activity_commands), words[0])
    assert command is not None, words[0]
    command.make_context(words[0], words[1:])


@pytest.mark.parametrize("line", lines_with("pip install"))
def test_an_extra_exists(line: str) -> None:
    package_name = shlex.split(line)[2]
    found = re.fullmatch(r"flask-allmine-liveactivity(?:\[([a-z0-9]+)\])?", package_name)
    assert found is not None, package_name
    assert found.group(1) is None or found.group(1) in EXTRAS


@pytest.mark.parametrize("line", lines_with("make"))
def test_a_target_exists(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_compose_file_exists() -> None:
    (line,) = lines_with("docker compose")
    words = shlex.split(line.values[0])
    assert (ROOT / words[words.index("-f") + 1]).exists()
