"""Whoever uses a storage first prepares it, for all threads of the process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.storage.preparation import Preparation

THREADS = 8


class Slow:
    """Prepares when it is let go on."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.calls = 0
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.calls += 1
        self.begun.set()
        assert self.go_on.wait(30)
        if self.fails:
            raise StorageUnavailable("nobody there")


def all_at_once(slow: Slow, preparation: Preparation) -> list[BaseException | None]:
    """What each of the threads gets that come while the first is at it."""
    with ThreadPoolExecutor(THREADS) as threads:
        first = threads.submit(preparation.ensure)
        assert slow.begun.wait(30)
        coming = threading.Barrier(THREADS)

        def come() -> None:
            coming.wait(30)
            preparation.ensure()

        others = [threads.submit(come) for _ in range(THREADS - 1)]
        coming.wait(30)
        threading.Event().wait(0.2)  # they have come to the lock
        slow.go_on.set()
        return [each.exception(30) for each in (first, *others)]


def test_who_waits_for_one_that_fails_fails_with_it() -> None:
    slow = Slow(fails=True)
    errors = all_at_once(slow, Preparation(slow))
    assert [str(error) for error in errors] == ["nobody there"] * THREADS
    assert slow.calls == 1


def test_who_waits_for_one_that_succeeds_does_not_prepare_again() -> None:
    slow = Slow(fails=False)
    assert all_at_once(slow, Preparation(slow)) == [None] * THREADS
    assert slow.calls == 1


def test_who_comes_after_a_failure_tries_again() -> None:
    slow = Slow(fails=True)
    slow.go_on.set()
    preparation = Preparation(slow)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            preparation.ensure()
    slow.fails = False
    preparation.ensure()
    assert slow.calls == 3
