"""The contract, kept by mongomock: what hosts use in tests of their own."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import StorageContract
from storage.opening import open_storage

pytest.importorskip("mongomock")


@pytest.fixture
def storage() -> Storage:
    return open_storage("mongomock://")


class TestMongomock(StorageContract):
    """Nothing more than the contract."""
