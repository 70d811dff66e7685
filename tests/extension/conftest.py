from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from .apps import Elsewhere, installation, make_app


@pytest.fixture
def apps() -> Iterator[Callable[..., Flask]]:
    """Makes host apps, and closes what they have opened."""
    made: list[Flask] = []

    def make(**config: Any) -> Flask:
        made.append(make_app(**config))
        return made[-1]

    yield make
    for app in made:
        installation(app).close()


@pytest.fixture
def app(apps: Callable[..., Flask]) -> Flask:
    return apps()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)
