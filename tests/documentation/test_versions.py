"""Every public name says since which version it is there, as Sphinx reads it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import flask_allmine_liveactivity as package
from flask_allmine_liveactivity import openapi, signals, testing
from flask_allmine_liveactivity.observability import opentelemetry, prometheus

from .blocks import ROOT

SINCE = re.compile(r"^\.\. versionadded:: (\S+)$", re.MULTILINE)
RELEASED = re.findall(r"^## \[(\d\S*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
# Beside the package itself: what hosts import from modules of their own.
MODULES = (testing, signals, openapi, prometheus, opentelemetry)


def names_of(module: ModuleType) -> list[str]:
    """Those in ``__all__``; where there is none, the functions that the module defines."""
    functions = (
        name
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    )
    return [name for name in getattr(module, "__all__", functions) if not name.startswith("_")]


def members_of(kind: type) -> Iterator[str]:
    """Public methods and properties, also those of a base of ours; without a suite's tests."""
    ours = (base for base in kind.__mro__ if base.__module__.startswith(package.__name__))
    for name, member in {key: value for base in ours for key, value in vars(base).items()}.items():
        callable_or_property = inspect.isroutine(member) or isinstance(member, property)
        if callable_or_property and not name.startswith(("_", "test_")):
            yield name


def documented() -> Iterator[tuple[str, str]]:
    """What it is called, and its docstring."""
    for module in MODULES:
        yield module.__name__, module.__doc__ or ""
    for module in (package, *MODULES):
        for name in names_of(module):
            thing: Any = getattr(module, name)
            if not isinstance(thing, type) and not inspect.isfunction(thing):
                continue  # it has no docstring: a signal, the type of a callback
            # A class of its own: not what it inherits.
            yield f"{module.__name__}.{name}", inspect.cleandoc(thing.__doc__ or "")
            for member in members_of(thing) if isinstance(thing, type) else ():
                text = inspect.getdoc(getattr(thing, member)) or ""
                yield f"{module.__name__}.{name}.{member}", text


DOCUMENTED = dict(documented())


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_it_says_since_when_it_is_there(name: str) -> None:
    said = SINCE.findall(DOCUMENTED[name])
    assert len(said) == 1, f"{name}: `.. versionadded:: {package.__version__}` in its docstring"
    assert said[0] in {package.__version__, *RELEASED}


def test_those_are_all() -> None:
    """Of each kind one: a public name that is not looked at would never be missed."""
    at_the_top = {f"{package.__name__}.{name}" for name in package.__all__}
    without_docstring = {
        f"{package.__name__}.{name}" for name in ("Decide", "Resolve", "__version__")
    }
    assert at_the_top - set(DOCUMENTED) == without_docstring
    assert {
        f"{package.__name__}.{name}"
        for name in (
            "LiveActivity.init_app",
            "Sessions.claim_each",
            "Outcome.is_stored",
            "testing.Outbox.register",
            "testing.StorageContract",
            "observability.prometheus.measure",
            "observability.opentelemetry.trace",
        )
    } <= set(DOCUMENTED)
