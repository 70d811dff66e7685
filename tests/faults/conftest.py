"""Servers of the tests' own, each started once; and a local APNs for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .midst import STREAMS_AT_ONCE
from .proxy import Proxy
from .servers import DatabaseServer, mariadb_server, postgresql_server


@pytest.fixture
def slow_apns() -> Iterator[LocalApns]:
    """One that can be slow: it takes few pushes at a time."""
    with LocalApns(max_concurrent_streams=STREAMS_AT_ONCE) as apns:
        yield apns


@pytest.fixture(scope="session")
def own_postgresql() -> Iterator[DatabaseServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def own_mariadb() -> Iterator[DatabaseServer]:
    with mariadb_server() as server:
        yield server


@pytest.fixture(params=["postgresql", "mariadb"])
def own_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each SQL server in turn."""
    server: DatabaseServer = request.getfixturevalue(f"own_{request.param}")
    return server


@pytest.fixture
def proxy(own_server: DatabaseServer) -> Iterator[Proxy]:
    """Between the package and the server."""
    with Proxy(own_server.port) as made:
        yield made
