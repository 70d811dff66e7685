"""The machine with an asked host finds each bug that knowing of ends alone would have made."""

from __future__ import annotations

from functools import partial

import pytest

from model import moments, planted, planted_asking, storages
from model.asked_machine import ALL_HAPPENINGS
from model.asked_moments import ASKED
from model.process import Violation

# Each third moment: without a bug all of them pass, in test_asked_host.py.
THIRD = 3


def hunt(opener: storages.Opener, act: str) -> None:
    for happening in ALL_HAPPENINGS:
        moments.play(opener, act, happening, THIRD, ASKED)


@pytest.mark.parametrize("bug", planted_asking.PATCHES)
def test_a_planted_bug_is_found(bug: str) -> None:
    plant, act = planted_asking.PATCHES[bug]
    with plant(), pytest.raises(Violation):
        hunt(storages.memory, act)


@pytest.mark.parametrize("bug", planted_asking.STORAGES)
def test_a_bug_planted_in_storage_is_found(bug: str) -> None:
    parts, act = planted_asking.STORAGES[bug]
    with pytest.raises(Violation):
        hunt(partial(planted.over, parts), act)
