"""The older package, unpacked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .older import unpack


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("older"))
