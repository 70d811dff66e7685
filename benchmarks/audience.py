"""Announcing to an audience, and telling it: by storage, and by how large it is."""

from __future__ import annotations

import resource
import statistics
import time
from pathlib import Path

from hosts import STREAM, make_host

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on

NOTIFICATIONS = 100


def notified(storage_uri: str) -> dict[str, float]:
    """``notify_stream_state`` of a stream, told by others; the median of many, in milliseconds."""
    app = make_host(storage_uri)
    installation = installed_on(app)
    seconds = []
    with app.app_context():
        for _ in range(NOTIFICATIONS):
            began = time.perf_counter()
            notify_stream_state(STREAM, "ready")
            seconds.append(time.perf_counter() - began)
            installation.reopen(STREAM)
    installation.close()
    return {"milliseconds": statistics.median(seconds) * 1000}


def told(storage_uri: str, url: str, ca: str, count: int) -> dict[str, float]:
    """A whole fan-out: what is claimed, sent and settled in a second, and in how much memory."""
    app = make_host(storage_uri, url, ca, LIVE_ACTIVITY_DELIVERY="inline")
    with app.app_context():
        began = time.perf_counter()
        cpu = time.process_time()
        report = notify_stream_state(STREAM, "ready")
        seconds = time.perf_counter() - began
        cpu = time.process_time() - cpu
    assert report.delivered == count, report
    installed_on(app).close()
    return {
        "per_second": count / seconds,
        "cpu_microseconds": 1e6 * cpu / count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "resident_mb": _resident_mb(),
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


MEASURES = {"notified": notified, "told": told}
