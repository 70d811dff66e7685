"""The older packages, each unpacked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .older import unpack


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Before the tables had versions."""
    return unpack("0.1.0a", tmp_path_factory.mktemp("older"))


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before this one."""
    return unpack("0.1.0b", tmp_path_factory.mktemp("before"))
