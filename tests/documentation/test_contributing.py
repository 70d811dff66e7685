"""What CONTRIBUTING.md and SECURITY.md name is there: paths, targets, names in files, commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import flask_allmine_liveactivity

from .blocks import ROOT

PACKAGE = Path(flask_allmine_liveactivity.__file__).parent
PAGES = {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md")}
MAKEFILE = (ROOT / "Makefile").read_text()
TEXT = "\n".join(PAGES.values())
QUOTED = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S))
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"^```bash\n(.*?)^```$", TEXT, re.M | re.S)
    for line in block.splitlines()
]
A_PATH = re.compile(r"\.?[\w.-]*/[\w./-]*|[\w-]+\.(?:py|md|toml|cfg)|Makefile")
PATHS = sorted({text for text in QUOTED if A_PATH.fullmatch(text)})
TARGETS = sorted(
    {words[1] for words in map(str.split, [*QUOTED, *COMMANDS]) if words[0] == "make" and words[1:]}
)
# "`this` and `that` in `a/file.py`"
NAMED_IN = re.compile(r"((?:`\w+`(?:,\s+|\s+and\s+)?)+)\s+in\s+`([^`]+\.py)`")


def made(path: str) -> bool:
    """Whether a path is below ``.venv``, in an environment or a folder that make knows."""
    return path.startswith(".venv/") and f".venv/{path.split('/')[1]}" in MAKEFILE


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_there(path: str) -> None:
    assert made(path) or any((root / path).exists() for root in (ROOT, PACKAGE))


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_there(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE)
    assert target in re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()  # type: ignore[index]


@pytest.mark.parametrize(("names", "file"), NAMED_IN.findall(TEXT))
def test_a_name_is_in_its_file(names: str, file: str) -> None:
    (found,) = (root / file for root in (ROOT, PACKAGE) if (root / file).exists())
    source = found.read_text()
    for name in re.findall(r"`(\w+)`", names):
        assert re.search(rf"\b{name}\b", source), name


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_can_be_given(line: str) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        return  # see the targets
    assert words[:3] == [".venv/test/bin/python", "-m", "pytest"]
    assert made(words[0])
    done = subprocess.run(
        [sys.executable, *words[1:], "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout  # 5: none was found


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[page]):
        assert (ROOT / link).exists(), link


def test_the_pages_are_read() -> None:
    """Or a form that is not understood would pass."""
    assert {"storage/base.py", "tests/typing", ".ci/run", "pyproject.toml"} <= set(PATHS)
    assert {"lint", "coverage", "floors", "release-check"} <= set(TARGETS)
    named = {(name, file) for names, file in NAMED_IN.findall(TEXT) for name in names.split("`")}
    assert {
        ("_BY_REASON", "push/answers.py"),
        ("open_storage", "storage/from_uri.py"),
        ("URIS", "storage/from_uri.py"),
        ("open_push", "push/from_settings.py"),
        ("_ALL", "simulator/reasons.py"),
        ("TABLE", "tests/push/test_apns_answers.py"),
        ("PUBLIC", "tests/extension/test_importing.py"),
        ("Settings", "app/settings.py"),
        ("_REMEDIES", "push/answers.py"),
        ("_BACKENDS", "__init__.py"),
        ("ConfigReader", "app/config_reader.py"),
    } <= named
    assert len(COMMANDS) >= 6


def test_it_names_no_address() -> None:
    assert not re.search(r"[\w.]+@[\w.]+", PAGES["SECURITY.md"])
