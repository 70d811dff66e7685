"""While a large audience is told, full garbage collections have next to nothing to go through."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from flask_allmine_liveactivity.delivery import heap
from flask_allmine_liveactivity.model import Push, PushResult
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import World, delivered


@pytest.fixture(autouse=True)
def _a_host_that_collects(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(heap, "LARGE", 50)
    assert gc.isenabled()
    assert gc.get_freeze_count() < heap.PYTHONS_OWN
    gc.unfreeze()
    yield
    gc.enable()
    gc.unfreeze()


def a_world(count: int) -> World:
    world = World(MemoryStorage(), batch_size=10)
    world.register_many(count)
    world.end()
    return world


def seen_while_telling(world: World) -> list[int]:
    """How many objects were set aside at each push."""
    seen = []

    def answer(push: Push) -> PushResult:
        seen.append(gc.get_freeze_count())
        return delivered(push)

    world.answer = answer
    world.run()
    return seen


def test_a_large_audience_is_told_with_the_heap_set_aside() -> None:
    world = a_world(200)
    seen = seen_while_telling(world)
    assert seen[0] == 0  # that it is large is not known yet
    assert seen[-1] > 1000
    assert len(world.told) == 200
    assert gc.get_freeze_count() == 0


def test_a_small_one_is_not_worth_it() -> None:
    assert set(seen_while_telling(a_world(40))) == {0}


def test_it_is_thawed_where_a_run_fails() -> None:
    world = a_world(200)

    def answer(push: Push) -> PushResult:
        if gc.get_freeze_count():
            raise OSError("broken")
        return delivered(push)

    world.answer = answer
    with pytest.raises(OSError, match="broken"):
        world.run()
    assert gc.get_freeze_count() == 0


def test_what_a_host_has_set_aside_stays_so() -> None:
    world = a_world(200)
    gc.freeze()
    seen = seen_while_telling(world)
    assert seen == sorted(seen, reverse=True)  # what is dropped is gone, nothing is added
    assert gc.get_freeze_count() > 1000


def test_what_python_has_set_aside_itself_is_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CPython 3.12 does at its start."""
    frozen = [375]
    stand_in = SimpleNamespace(
        isenabled=gc.isenabled,
        get_freeze_count=lambda: frozen[-1],
        freeze=lambda: frozen.append(5000),
        unfreeze=lambda: frozen.append(0),
    )
    monkeypatch.setattr(heap, "gc", stand_in)
    a_world(200).run()
    assert frozen == [375, 5000, 0]


def test_a_host_that_collects_nothing_is_left_alone() -> None:
    world = a_world(200)
    gc.disable()
    assert set(seen_while_telling(world)) == {0}


def test_the_last_of_two_runs_lets_it_go() -> None:
    first, second = a_world(200), a_world(200)
    both_hold, first_is_over = threading.Barrier(2), threading.Event()
    meanwhile: list[int] = []

    def answer(push: Push) -> PushResult:
        world = first if threading.current_thread() is threading.main_thread() else second
        if len(world.told) == 150:
            both_hold.wait(10)
        if len(world.told) == 199 and world is second:
            first_is_over.wait(10)
            meanwhile.append(gc.get_freeze_count())
        return delivered(push)

    first.answer = second.answer = answer
    other = threading.Thread(target=second.run)
    other.start()
    first.run()
    first_is_over.set()
    other.join()
    assert meanwhile[0] > 1000
    assert gc.get_freeze_count() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_process_that_is_forked_meanwhile_has_its_heap_back() -> None:
    world = a_world(200)
    found: list[int] = []

    def answer(push: Push) -> PushResult:
        if gc.get_freeze_count() and not found:
            child = os.fork()
            if child == 0:
                os._exit(1 if gc.get_freeze_count() else 0)
            found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return delivered(push)

    world.answer = answer
    world.run()
    assert found == [0]


class Thing:
    """Refers to itself: only a collection finds that nobody else does."""

    def __init__(self) -> None:
        self.itself = self


def test_what_becomes_garbage_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Thing()]
    trace = weakref.ref(there[0])
    world = a_world(200)
    found_at: list[int] = []

    def answer(push: Push) -> PushResult:
        told = len(world.told)
        if told == 100:
            assert gc.get_freeze_count()
            there.clear()
            gc.collect()
            assert trace() is not None  # a collection does not see it ...
            monkeypatch.setattr(heap, "LONGEST_FROZEN", 0.0)
        if told > 100 and trace() is None:
            found_at.append(told)
        return delivered(push)

    world.answer = answer
    world.run()
    assert found_at  # ... until it has been set aside for long enough
    assert gc.get_freeze_count() == 0


def test_one_run_after_the_other_keeps_no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them lasts long, and nothing is collected between them."""
    seconds = iter(range(0, 1000, 7))
    monkeypatch.setattr(heap, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    the_heap = heap._Heap()
    there = [Thing()]
    trace = weakref.ref(there[0])
    there.clear()
    runs = 0
    while trace() is not None:
        the_heap.freeze()
        the_heap.renew()
        the_heap.thaw()
        runs += 1
    assert 1 < runs <= heap.LONGEST_FROZEN // 7
