"""The tests themselves are tested: they must find what they are there to find."""

from __future__ import annotations

from functools import partial

import pytest

from model import moments, planted, storages
from model.machine import HAPPENINGS
from model.process import Violation
from model.test_model import drive


def chance_and_every_moment(opener: storages.Opener) -> None:
    drive(opener, 200)
    for act in moments.ACTS:
        for happening in HAPPENINGS:
            moments.play(opener, act, happening)


@pytest.mark.parametrize("bug", planted.PATCHES)
def test_a_planted_bug_is_found(bug: str) -> None:
    with planted.PATCHES[bug](), pytest.raises(Violation):
        chance_and_every_moment(storages.memory)


@pytest.mark.parametrize("bug", planted.STORAGES)
def test_a_bug_planted_in_storage_is_found(bug: str) -> None:
    with pytest.raises(Violation):
        chance_and_every_moment(partial(planted.over, planted.STORAGES[bug]))
