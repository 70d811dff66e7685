"""Many threads on the memory of one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing import ThreadConcurrency
from storage.opening import open_storage


@pytest.fixture
def storage() -> Storage:
    return open_storage("memory://")


@pytest.fixture(autouse=True)
def _hasty_switches() -> Iterator[None]:
    """Threads take turns after every few instructions: what is not locked is soon seen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class TestMemory(ThreadConcurrency):
    """Nothing more than the contract."""
