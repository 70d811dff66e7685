"""What PostgreSQL reads, as it counts it itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import services

from .audience import NoStepReadsAnAudience
from .meters import PostgreSQLMeter
from .playing import KNOWLEDGE, played
from .story import Story


@pytest.fixture(scope="module", params=KNOWLEDGE)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    with services.postgresql() as uri:
        yield played(uri, PostgreSQLMeter, request.param)


class TestPostgreSQL(NoStepReadsAnAudience):
    """Nothing more."""

    rows_for_each = 7
    """A settled one is found and changed in two tables; Memoize and bitmaps count a row again."""
