"""The contract, kept in this process's memory."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
from storage.opening import open_storage


@pytest.fixture
def storage() -> Storage:
    return open_storage("memory://")


class TestMemory(StorageContract):
    """Nothing more than the contract."""
