"""What a browser is told, and when."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator.page import Simulator
from flask_allmine_liveactivity.simulator.page.events import events


class Blocks(Exception):
    """It would wait, though there is something to tell."""


@pytest.mark.parametrize("during", [1, 2])
def test_a_push_that_comes_while_a_state_is_built_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, during: int
) -> None:
    simulator = Simulator()
    feed, view, views = simulator.feed, simulator.view, []

    def look() -> dict[str, Any]:
        views.append(len(views))
        if len(views) == during:
            feed.add({"who": "Mary"})
        return view()

    def wait(version: int, timeout: float) -> int:
        if version == feed.version:
            raise Blocks
        return feed.version

    monkeypatch.setattr(simulator, "view", look)
    monkeypatch.setattr(feed, "wait", wait)
    told = events(simulator)
    next(told)
    next(told)  # everything
    if during > 1:
        feed.add({"who": "Grace"})
    pushes = [message for message in _until_it_waits(told) if message.startswith("event: push")]
    assert "Mary" in pushes[-1]
    assert len(pushes) == during


def _until_it_waits(told: Iterator[str]) -> Iterator[str]:
    with contextlib.suppress(Blocks):
        yield from told


def test_when_it_is_over_nobody_is_asked_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has closed its storage would open it again to answer."""
    simulator = Simulator()
    told = events(simulator)
    next(told)
    next(told)  # everything
    monkeypatch.setattr(simulator, "view", pytest.fail)

    def wait(version: int, timeout: float) -> int:
        simulator.feed.close()
        return version

    monkeypatch.setattr(simulator.feed, "wait", wait)
    assert list(told) == []
