"""A host that is asked: no countdown of a stream that is over outlives two questions, none is ended
of one that is to come, and in the end each shows what the host says last.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import services

from model import asked_moments, moments, storages
from model.asked_machine import ALL_HAPPENINGS, AskedMachine
from model.test_model import drive

# A prime: from one that was before to the next, other moments are taken. 1 takes each of them.
STRIDE = 7


def test_over_memory() -> None:
    drive(storages.memory, 400, AskedMachine)


def test_over_sqlite(tmp_path: Path) -> None:
    with storages.sql(f"sqlite:///{tmp_path}/live_activity.db") as opener:
        drive(opener, 25, AskedMachine)


def test_over_postgresql() -> None:
    with services.postgresql() as uri, storages.sql(uri) as opener:
        drive(opener, 20, AskedMachine)


def test_over_the_mongodb_wire() -> None:
    with storages.mongodb() as opener:
        drive(opener, 20, AskedMachine)


@pytest.mark.parametrize("act", asked_moments.ACTS)
def test_at_many_a_moment(act: str) -> None:
    for happening in ALL_HAPPENINGS:
        assert moments.play(storages.memory, act, happening, STRIDE, asked_moments.ASKED) > 0
