"""Moments that matter among workers, over databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import services

from model import moments, storages

# What is worth the time that a database takes.
ACTS = ("follow", "deliver", "deliver at a busy Apple")
AMONG_WORKERS = ("follow", "rotate", "end and deliver", "stall and deliver")


@pytest.mark.parametrize("act", ACTS)
def test_over_sqlite(act: str, tmp_path: Path) -> None:
    with storages.sql(f"sqlite:///{tmp_path}/live_activity.db") as opener:
        for happening in AMONG_WORKERS:
            assert moments.play(opener, act, happening) > 0


@pytest.mark.parametrize("act", ACTS)
def test_over_postgresql(act: str) -> None:
    with services.postgresql() as uri, storages.sql(uri) as opener:
        for happening in AMONG_WORKERS:
            assert moments.play(opener, act, happening) > 0


@pytest.mark.parametrize("act", ACTS)
def test_over_the_mongodb_wire(act: str) -> None:
    with storages.mongodb() as opener:
        for happening in AMONG_WORKERS:
            assert moments.play(opener, act, happening) > 0
