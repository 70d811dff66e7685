"""What a browser is told of the log of pushes, in whatever order it reads it."""

from __future__ import annotations

from flask_allmine_liveactivity.simulator.page import Simulator
from flask_allmine_liveactivity.simulator.page.feed import Feed


def test_a_state_from_before_a_push_does_not_take_it_from_the_log() -> None:
    """An answer to a button may be read after a push that came later than what it tells."""
    simulator = Simulator()
    earlier = simulator.view()["oldestPush"]
    simulator.feed.add({})
    (push,) = simulator.feed.pushes_after(0)
    assert push["id"] >= earlier


def test_a_log_that_is_cleared_drops_all_there_was_and_nothing_that_comes() -> None:
    feed = Feed()
    feed.add({})
    (old,) = feed.pushes_after(0)
    feed.clear()
    cleared = feed.oldest
    feed.add({})
    (new,) = feed.pushes_after(0)
    assert old["id"] < cleared <= new["id"]


def test_the_latest_pushes_are_kept() -> None:
    feed = Feed(keep=2)
    for _ in range(5):
        feed.add({})
    assert [push["id"] for push in feed.pushes_after(0)] == [4, 5]
    assert feed.oldest == 4
