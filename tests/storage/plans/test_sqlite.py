"""What SQLite does, by the steps of its virtual machine."""

from __future__ import annotations

import pytest

from .audience import NoStepReadsAnAudience
from .meters import SQLiteMeter
from .playing import KNOWLEDGE, played
from .story import Story


@pytest.fixture(scope="module", params=KNOWLEDGE)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    uri = f"sqlite:///{tmp_path_factory.mktemp('plans')}/live_activity.db"
    return played(uri, SQLiteMeter, request.param)


class TestSQLite(NoStepReadsAnAudience):
    rows_for_each = 2
    rows_at_least = 20
