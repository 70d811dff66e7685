"""Phones that register for one hot stream, before it has ended and afterwards.

Whoever registers late must be told: he looks at the stream's one row, and wakes it where it rests.
That row must not be what all of them wait for. Beside it stands the way of before, in which each
wrote to the row.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from dataclasses import replace
from typing import Any

from hosts import STREAM, a_token

from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.model import StreamEvent, StreamState
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.from_uri import open_storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

# In the order in which they are measured.
WAYS = ("to come", "ended", "told", "each writes")
PROCESSES, THREADS = 2, 4
LIFETIME = 12 * 3600.0


def registered(storage_uri: str, seconds: float, way: str) -> dict[str, float]:
    """Registrations a second over eight connections, past the endpoint.

    Args:
        storage_uri: Of an empty database.
        seconds: How long they register.
        way: ``to come``: the stream has no event; ``ended``: it has, and nobody delivers; ``told``:
            a worker tells whoever registers; ``each writes``: as ``ended``, and each writes to the
            stream's row, as it was once.
    """
    storage = open_storage(storage_uri, {}, "/")
    storage.prepare()
    if way != "to come":
        now = time.time()
        end = announcement_of_end(
            STREAM,
            StreamState.STARTED,
            content_state=None,
            alert=None,
            dismiss_after=0,
            now=now,
            ttl=2 * LIFETIME,
        )
        storage.streams.announce(end, now)
    spawn = multiprocessing.get_context("spawn")
    start, counts, over = spawn.Barrier(PROCESSES + 1), spawn.Queue(), spawn.Event()
    processes = [
        spawn.Process(target=_phones, args=(storage_uri, seconds, way, number, start, counts))
        for number in range(PROCESSES)
    ]
    worker = spawn.Process(target=_work, args=(storage_uri, over))
    if way == "told":
        worker.start()
    for process in processes:
        process.start()
    start.wait()
    per_second = sum(counts.get() for _ in processes) / seconds
    over.set()
    for process in [*processes, *([worker] if way == "told" else [])]:
        process.join()
    storage.close()
    return {"per_second": per_second}


def _phones(uri: str, seconds: float, way: str, number: int, start: Any, counts: Any) -> None:
    storage = open_storage(uri, {}, "/")
    numbers = itertools.count(number, PROCESSES)
    _sign_up(storage, next(numbers))  # the pool's first connection
    if way == "each writes":
        _let_each_write(storage)
    start.wait()
    until = time.perf_counter() + seconds
    counted: list[int] = []

    def phones() -> None:
        count = 0
        while time.perf_counter() < until:
            _sign_up(storage, next(numbers))
            count += 1
        counted.append(count)

    threads = [threading.Thread(target=phones) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(sum(counted))
    storage.close()


def _sign_up(storage: Storage, number: int) -> None:
    claimant = Claimant(
        user_id=f"user-{number}",
        device_id="iphone",
        activity_id=f"activity-{number}",
        stream_id=STREAM,
        token=a_token(number),
    )
    register(storage, claimant, now=time.time(), lifetime=LIFETIME, max_per_user=100)


def _let_each_write(storage: Storage) -> None:
    streams: Any = storage.streams

    def touch(stream_id: str, expires_at: float, now: float) -> StreamEvent | None:
        written: StreamEvent | None = streams.write(
            stream_id, lambda row: row and replace(row, touch=row.touch + 2, due_at=-now)
        )
        return written

    streams.wake = touch


def _work(uri: str, over: Any) -> None:
    storage = open_storage(uri, {}, "/")
    delivery = Delivery(storage, MemoryPush(), Policy(lease=60, batch_size=500, sweep_interval=15))
    while not over.is_set():
        delivery.run()
        time.sleep(0.05)  # as the thread does, until somebody is due
    storage.close()


MEASURES = {"registered": registered}
