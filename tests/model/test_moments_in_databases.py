"""Moments that matter among workers, over databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import services

from model import moments, storages

# What is worth the time that a database takes.
ACTS = ("follow", "deliver", "deliver at a busy Apple")
AMONG_WORKERS = ("follow", "rotate", "end and deliver", "stall and deliver")

# Memory has each moment. What the databases add are their transactions and locks, which matter
# between two statements wherever these are: each third of theirs.
THIRD = 3


@pytest.mark.parametrize("happening", AMONG_WORKERS)
@pytest.mark.parametrize("act", ACTS)
def test_over_sqlite(act: str, happening: str, tmp_path: Path) -> None:
    with storages.sql(f"sqlite:///{tmp_path}/live_activity.db") as opener:
        assert moments.play(opener, act, happening, THIRD) > 0


@pytest.mark.parametrize("happening", AMONG_WORKERS)
@pytest.mark.parametrize("act", ACTS)
def test_over_postgresql(act: str, happening: str) -> None:
    with services.postgresql() as uri, storages.sql(uri) as opener:
        assert moments.play(opener, act, happening, THIRD) > 0


@pytest.mark.parametrize("happening", AMONG_WORKERS)
@pytest.mark.parametrize("act", ACTS)
def test_over_the_mongodb_wire(act: str, happening: str) -> None:
    with storages.mongodb() as opener:
        assert moments.play(opener, act, happening, THIRD) > 0
