from __future__ import annotations

from collections.abc import Iterator

import pytest
from blueprint.host import Host, running


@pytest.fixture
def host() -> Iterator[Host]:
    with running(Host()) as host:
        yield host
