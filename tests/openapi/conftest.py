from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blueprint.host import Host, running

from .served import Served, served

UNBOUNDED = {"LIVE_ACTIVITY_MAX_SESSIONS_PER_USER": None}
SERVERS = {"Production": "https://api.example.com", "Development": "https://dev.example.com"}


@pytest.fixture
def make_host() -> Iterator[Callable[..., Host]]:
    """Makes hosts in memory, with other settings."""
    with contextlib.ExitStack() as stack:

        def make(**config: Any) -> Host:
            return stack.enter_context(running(Host(**config)))

        yield make


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    return make_host(LIVE_ACTIVITY_API_SERVERS=SERVERS)


@pytest.fixture
def served_host(make_host: Callable[..., Host]) -> Iterator[Served]:
    """A host that listens, and has the page."""
    config = {"LIVE_ACTIVITY_API_REFERENCE": "/reference", **UNBOUNDED}
    with served(make_host(**config)) as there:
        yield there
