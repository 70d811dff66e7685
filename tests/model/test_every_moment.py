"""What chance may miss: a crash, a rotated token, another worker, at every single moment."""

from __future__ import annotations

import pytest

from model import moments, storages
from model.machine import HAPPENINGS


@pytest.mark.parametrize("happening", HAPPENINGS)
@pytest.mark.parametrize("act", moments.ACTS)
def test_over_memory(act: str, happening: str) -> None:
    assert moments.play(storages.memory, act, happening) > 0
