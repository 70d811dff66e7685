from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import services

from .host import Clock, Host, running

# On a real MongoDB only: the one in this process is slow, and mongomock stands for both.
STORAGES = ["memory", "sqlite", "mongodb" if services.MONGODB_URI else "mongomock"]


@pytest.fixture(params=STORAGES)
def storage_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "mongodb":
        with services.mongodb() as uri:
            yield uri
        return
    yield {
        "memory": "memory://",
        "sqlite": f"sqlite:///{tmp_path}/live_activity.db",
        "mongomock": "mongomock://",
    }[request.param]


@pytest.fixture
def host(storage_uri: str) -> Iterator[Host]:
    """A host on each storage."""
    with running(Host(storage_uri)) as host:
        yield host


@pytest.fixture
def make_host() -> Iterator[Callable[..., Host]]:
    """Makes hosts in memory, with other settings."""
    with ExitStack() as stack:

        def make(**config: Any) -> Host:
            return stack.enter_context(running(Host(**config)))

        yield make


@pytest.fixture
def memory_host(make_host: Callable[..., Host]) -> Host:
    """A host in memory, for what has nothing to do with the storage."""
    return make_host()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)
