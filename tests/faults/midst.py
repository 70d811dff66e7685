"""A fan-out that is slow enough for something to happen in its midst."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.opening import open_storage

from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .audience import LIFETIME, Audience, a_token, until
from .processes import a_worker, open_files, settings_of, threads

BEFORE = "65f0000000000000000000a1"
AFTERWARDS = "65f0000000000000000000a2"

# So many pushes are under way at a time, and each takes so many seconds: 200 in a second.
STREAMS_AT_ONCE = 40
SLOWLY = 0.2
# What is far more than it takes, and far less than for ever.
TOLD_WITHIN = 60.0
# A worker has this many more connections where it has claimed and settled side by side.
MORE_FILES = 6


@dataclass(frozen=True)
class Midst:
    """The midst of a fan-out."""

    audience: Audience
    storage: Storage
    worker: subprocess.Popen[bytes]
    log: Path


@contextlib.contextmanager
def the_midst_of_a_fan_out(
    uri: str,
    apns: LocalApns,
    folder: Path,
    *wrapper: str,
    phones: int = 1000,
    options: dict[str, Any] | None = None,
    **config: Any,
) -> Iterator[Midst]:
    """Stop in the midst of a worker's fan-out; then all must be told, and the worker be well.

    Args:
        uri: Of the storage, for the worker and for the phones.
        apns: With `STREAMS_AT_ONCE`.
        folder: For what the worker says.
        wrapper: What the worker is started by.
        phones: How many are to be told, and then one that is late.
        options: Of the storage.
        config: More of the worker's.
    """
    storage = open_storage(uri, **(options or {}))
    storage.prepare()
    log = folder / "worker.log"
    settings = settings_of(
        uri, apns.settings, LIVE_ACTIVITY_STORAGE_OPTIONS=options or {}, **config
    )
    with contextlib.closing(storage), a_worker(settings, log, *wrapper) as worker:
        audience = Audience(storage, apns)
        audience.gather(phones)
        tell_one(storage, apns, BEFORE)
        files, of_threads = open_files(worker.pid), threads(worker.pid)
        apns.clear()
        apns.delay(SLOWLY)
        audience.end()
        apns.wait_for(phones // 10, timeout=TOLD_WITHIN)
        yield Midst(audience, storage, worker, log)
        apns.delay(0)
        assert audience.register(phones) is Answer.LATE
        audience.wait_until_told(TOLD_WITHIN)
        audience.check()
        tell_one(storage, apns, AFTERWARDS)
        assert worker.poll() is None, log.read_text()
        assert until(lambda: threads(worker.pid) <= of_threads, 10)
        assert open_files(worker.pid) <= files + MORE_FILES


def tell_one(storage: Storage, apns: LocalApns, stream: str) -> None:
    """A phone of another stream registers, the stream ends, and the phone is told."""
    token, now = a_token(0, stream), time.time()
    claimant = Claimant(
        user_id="bob", device_id="iphone", activity_id=stream, stream_id=stream, token=token
    )
    answer = register(storage, claimant, now=now, lifetime=LIFETIME, max_per_user=None)
    assert answer is Answer.REGISTERED
    announcement = announcement_of_end(
        stream,
        StreamState.READY,
        content_state=None,
        alert=None,
        dismiss_after=0.0,
        now=now,
        ttl=2 * LIFETIME,
    )
    storage.streams.announce(announcement, now)
    assert until(lambda: token in {push.token for push in apns.accepted}, TOLD_WITHIN)
    assert until(lambda: not storage.counts(time.time(), stream).pending, TOLD_WITHIN)
