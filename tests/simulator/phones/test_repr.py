"""No token, password or key of a phone, or of the page, is in a ``repr``: those end up in logs."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

from flask_allmine_liveactivity.simulator import page, phones

SECRET = "not-to-be-seen"  # noqa: S105
WORDS = ("token", "password", "secret", "key", "bearer", "authorization")


def dataclasses_of(package: ModuleType) -> Iterator[type]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for _, each in inspect.getmembers(module, inspect.isclass):
            if dataclasses.is_dataclass(each) and each.__module__ == module.__name__:
                yield each


ALL = [*dataclasses_of(phones), *dataclasses_of(page)]


def secrets_of(each: type) -> list[str]:
    names = [field.name for field in dataclasses.fields(each)]
    values = [name for name in names if each.__name__ == "Token" and name == "value"]
    return values + [name for name in names if any(word in name for word in WORDS)]


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.__name__)
def test_a_dataclass_shows_no_secret(each: type) -> None:
    one = object.__new__(each)
    for field in dataclasses.fields(each):
        object.__setattr__(one, field.name, None)
    for name in secrets_of(each):
        object.__setattr__(one, name, SECRET)
    assert SECRET not in repr(one)


def test_those_that_hold_a_secret_are_among_them() -> None:
    holders = {each.__name__ for each in ALL if secrets_of(each)}
    assert holders >= {"Token", "_User", "_Attempt", "User", "HttpConsole"}
