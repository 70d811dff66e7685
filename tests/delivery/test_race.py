"""Phones that register while their stream ends: each is told, whoever comes first."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from flask import Flask

from flask_allmine_liveactivity import LiveActivity, MemoryPush, SessionStatus, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on

from .world import wait_until

STREAMS = [f"65f0000000000000000000{number:02d}" for number in range(10)]
PHONES = 300
THREADS = 4


def test_nobody_who_registers_while_a_stream_ends_is_left_untold(tmp_path: Path) -> None:
    app = Flask("host", instance_path=str(tmp_path))
    app.config.update(
        LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/live_activity.db",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        # So long that what is told in time was told by the touch, not by a sweep.
        LIVE_ACTIVITY_SWEEP_INTERVAL=300,
        JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
    )
    push = MemoryPush()
    LiveActivity(app, push=push)
    installation = installed_on(app)
    installation.storage.prepare()
    errors: list[Exception] = []
    start = threading.Barrier(THREADS + 1)

    def register(first: int) -> None:
        start.wait()
        for number in range(first, PHONES, THREADS):
            try:
                with app.app_context():
                    installation.register(
                        user_id=f"user-{number}",
                        stream_id=STREAMS[number * len(STREAMS) // PHONES],
                        device_id="iphone",
                        activity_id=f"activity-{number}",
                        token=f"token-{number}",
                    )
            except Exception as error:
                errors.append(error)

    def end() -> None:
        start.wait()
        for stream in STREAMS:
            # Each at another moment of the crowd that registers.
            time.sleep(random.uniform(0, 0.08))
            with app.app_context():
                notify_stream_state(stream, "ready")

    threads = [threading.Thread(target=register, args=(first,)) for first in range(THREADS)]
    threads.append(threading.Thread(target=end))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    try:
        wait_until(lambda: len({sent.token for sent in push.sent}) == PHONES)
        assert errors == []
        wait_until(
            lambda: installation.storage.counts(time.time()).ended == PHONES,
        )
    finally:
        installation.close()
    rows = installation.storage.sessions.page(limit=1000)
    assert {row.status for row in rows} == {SessionStatus.ENDED}
