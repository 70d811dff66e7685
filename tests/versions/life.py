"""A process of some version: registers phones, ends streams and delivers, until stdin is closed.

    python life.py URI NAME fill|live

It says each phone that was registered, and each that was told its end, in a line of its own. Only
what all versions have is used here, but for updates, which a newer one tells before the ends.
`fill` registers and ends, and delivers nothing.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import flask_allmine_liveactivity
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.model import (
    Announcement,
    Push,
    PushResult,
    StreamState,
    Verdict,
    next_event,
)
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.storage.from_uri import open_storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

uri, name, mode = sys.argv[1:]
OF_EACH = 6
FILLED = 40
TRIES = 50
T = TypeVar("T")


def say(*words: object) -> None:
    print(*words, flush=True)


def tell(push: Push) -> PushResult:
    event = json.loads(push.payload)["aps"]["event"]
    say("told" if event == "end" else "updated", push.token)
    return PushResult(push, Verdict.DELIVERED, status=200)


def again(call: Callable[[], T]) -> T:
    """As a phone does, and a host: again and again."""
    for _ in range(TRIES):
        try:
            return call()
        except StorageUnavailable as error:
            say("failed", type(error).__name__, str(error)[:200])
            time.sleep(0.05)  # no phone tries again at once
    raise AssertionError("each time it failed")


storage = open_storage(uri, {}, "/")
# As they are called by now, and as they were.
by_record = hasattr(storage, "streams")
announce = storage.streams.announce if by_record else storage.announce
page = storage.sessions.page if by_record else storage.sessions
delivery = Delivery(storage, MemoryPush(tell), Policy(lease=5, batch_size=50, sweep_interval=0.2))
closed = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
say("is", flask_allmine_liveactivity.__file__)


def sign_up(stream: str, number: int) -> None:
    token = f"{name}.{stream}.{number}"
    claimant = Claimant(
        user_id=f"{name}-{stream}-{number}",  # one has a bound, over which old rows make way
        device_id=f"{name}-{number}",
        activity_id=f"{stream}-{name}-{number}",
        stream_id=stream,
        token=token,
    )
    lives: dict[str, Any] = {"lifetime": 3600, "max_per_user": 100}
    again(lambda: register(storage, claimant, now=time.time(), **lives))
    say("registered", token)


def end(stream: str) -> None:
    now = time.time()
    announcement = announcement_of_end(
        stream,
        StreamState.STARTED,
        content_state={"is": "started"},
        alert=None,
        dismiss_after=0,
        now=now,
        ttl=3600,
    )
    again(lambda: announce(announcement, now))


def update(stream: str) -> None:
    """Unless it is over, as the host's answers are applied."""
    now = time.time()
    announcement = Announcement(
        stream_id=stream,
        event="update",
        state=None,
        content_state={"is": f"renamed at {now}"},
        alert=None,
        dismissal_date=None,
        said=f"renamed at {now}",
        expires_at=now + 3600,
    )

    def decide(row: Any) -> Any:
        return row if row and row.event == "end" else next_event(row, announcement, now)

    again(lambda: storage.streams.write(stream, decide))


for turn in itertools.count():
    # Both versions go through the same streams, and each ends every other one.
    stream = f"{turn if mode == 'live' else turn + 0x10000:024x}"
    for number in range(OF_EACH // 2):
        sign_up(stream, number)
    if name == "newer":
        update(stream)
        again(delivery.run)
    if turn % 2 == (name == "newer"):
        end(stream)
    for number in range(OF_EACH // 2, OF_EACH):
        sign_up(stream, number)
    if mode == "live":
        again(delivery.run)
    if closed.is_set() or (mode == "fill" and turn == FILLED):
        break

if mode == "live":
    for stream in {row.stream_id for row in again(lambda: page(limit=100_000))}:
        end(stream)
    say("ending")
    while again(lambda: storage.counts(time.time())).pending:
        again(delivery.run)
        time.sleep(0.05)
storage.close()
