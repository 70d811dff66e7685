"""The simulator and the extension judge each other in tests: so neither may lean on the other."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_allmine_liveactivity

PACKAGE = "flask_allmine_liveactivity"
ROOT = Path(flask_allmine_liveactivity.__file__).parent
SIMULATOR = f"{PACKAGE}.simulator"

# What joins the two: the command, and the setting that mounts the page.
JOINTS = {"cli/simulating.py", "extension/simulator_ui.py"}
# What Swift decodes is Apple's rule, of which the extension has no opinion: the test kit asks.
SHARED = f"{PACKAGE}.model.content_state"
DRIVERS = ("pycurl", "sqlalchemy", "pymongo", "bson", "apns2", "flask_jwt_extended")


def files(*, simulator: bool) -> list[str]:
    found = (file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
    return sorted(name for name in found if name.startswith("simulator/") is simulator)


def imports(name: str) -> Iterator[str]:
    """Every module of the package that a file imports, anywhere in it, by its full name."""
    file = ROOT / name
    parts = (PACKAGE, *Path(name).with_suffix("").parts)
    package = ".".join(parts[:-1])  # of a.b.__init__, too
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whence = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(whence, package)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # a name that is imported by import_module(), or patched


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("name", files(simulator=True))
def test_the_simulator_imports_nothing_of_the_rest(name: str) -> None:
    ours = {module for module in imports(name) if module.startswith(f"{PACKAGE}.")}
    rest = {module for module in ours if not is_below(module, SIMULATOR)}
    assert {module for module in rest if not is_below(module, SHARED)} == set()


def test_what_is_shared_with_the_test_kit_imports_nothing_of_either() -> None:
    assert [module for module in imports("model/content_state.py") if PACKAGE in module] == []


@pytest.mark.parametrize("name", files(simulator=True))
def test_the_simulator_needs_no_driver_of_the_rest(name: str) -> None:
    assert [module for module in imports(name) if module.partition(".")[0] in DRIVERS] == []


@pytest.mark.parametrize("name", files(simulator=False))
def test_of_the_rest_only_the_joints_import_the_simulator(name: str) -> None:
    its = {module for module in imports(name) if is_below(module, SIMULATOR)}
    assert bool(its) is (name in JOINTS)


def test_there_is_something_to_look_at() -> None:
    assert len(files(simulator=True)) > 30
    assert SIMULATOR + ".answers" in set(imports("simulator/__init__.py"))
    assert SIMULATOR + ".apns" in set(imports("cli/simulating.py"))
