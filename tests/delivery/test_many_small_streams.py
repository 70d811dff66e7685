"""What many small streams cost: so many calls of the storage for each, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from flask_allmine_liveactivity.model import StreamEvent
from flask_allmine_liveactivity.storage.memory import MemoryStorage

from .world import World

STREAMS = 1000
COUNTED = {"event", "due_events", "claim", "settle", "next_due", "rest"}


class Counting(MemoryStorage):
    """Counts its calls, and lets somebody else act once what is due has been read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = Counter[str]()
        self.then: Callable[[], object] | None = None

    def __getattribute__(self, name: str) -> Any:
        if name in COUNTED:
            super().__getattribute__("calls").update([name])
        return super().__getattribute__(name)

    def due_events(self, now: float, limit: int) -> list[StreamEvent]:
        due = super().due_events(now, limit)
        then, self.then = self.then, None
        if then is not None:
            then()
        return due


def three_phones_each(world: World, streams: int) -> None:
    for number in range(streams):
        stream = f"{number:024x}"
        world.register_many(3, stream)
        world.end(stream=stream)


def test_a_small_stream_costs_five_calls_of_the_storage() -> None:
    storage = Counting()
    world = World(storage, batch_size=1000)
    three_phones_each(world, STREAMS)
    storage.calls.clear()
    world.run()
    assert len(world.told) == 3 * STREAMS
    # What is settled, and when a run looks for more, goes by the clock.
    by_the_clock = storage.calls.pop("settle") + storage.calls.pop("due_events")
    assert by_the_clock < STREAMS
    assert set(storage.calls) == {"event", "claim", "next_due", "rest"}
    assert max(storage.calls.values()) <= STREAMS * 1.1


def test_what_another_worker_has_put_to_rest_costs_one_look() -> None:
    storage = Counting()
    world = World(storage)
    three_phones_each(world, 50)
    other = world.another_delivery()
    storage.then = lambda: (other.run(), storage.calls.clear())
    world.run()
    assert len(world.told) == 3 * 50
    assert storage.calls == {"event": 50, "due_events": 1}
