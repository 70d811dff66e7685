"""A host that is asked about a hundred thousand streams each minute: what a round takes of a core.

And what it leaves of a fan-out, and how long a small stream waits that ends meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crowds import wait_until_told, working
from flask import Flask
from hosts import STREAM, analyze, fill, insert, make_host
from sqlalchemy import func, select, text

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.model import NEVER, StreamEvent, next_event
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.host_answers import Asked, noted
from flask_allmine_liveactivity.model.stream_writes import nothing_to_tell, rested
from flask_allmine_liveactivity.phones.registration import Claimant
from flask_allmine_liveactivity.storage.rules import as_row
from flask_allmine_liveactivity.storage.sql.tables import events
from flask_allmine_liveactivity.streams.announcement import announcement_of_update

LIFETIME = 12 * 3600.0
INTERVAL = 60.0
# Streams of ten that end one after the other.
SMALL, SMALL_STREAMS = 10, 6
# Tomorrow, at an hour that is the same in all processes of a run.
STARTS_AT = time.time() // 86400 * 86400 + 2 * 86400
# Names the file in which a worker's callback writes when it was called.
SEEN = "BENCH_SEEN"


def asked(storage_uri: str, count: int, *, first: bool) -> dict[str, float | None]:
    """One round of questions and nothing beside it; seconds, and seconds of a core.

    Args:
        storage_uri: Of an empty database.
        count: How many streams.
        first: Whether nothing has been said of them yet: then each has an update written.
    """
    installation = installed_on(app := make_asked(storage_uri))
    fill_streams(installation, count, time.time(), said=not first)
    installation.storage.streams.due(time.time(), 1)
    server = _servers_cpu(installation)
    began, cpu = time.perf_counter(), time.process_time()
    asked_about = installation.streams.ask_due()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    after = _servers_cpu(installation)
    assert asked_about == count, asked_about
    installation.close()
    del app
    return {
        "count": count,
        "seconds": seconds,
        "cpu": cpu,
        "servers_cpu": None if server is None or after is None else after - server,
    }


def beside(
    storage_uri: str, url: str, ca: str, count: int, audience: int, *, questions: bool
) -> dict[str, float]:
    """A worker that tells an audience of an end, while streams of ten end, too; with or without
    a round of questions meanwhile.

    The round's own share is that of the threads that ask, as their callback sees it.
    """
    host = {"storage_uri": storage_uri, "url": url, "ca": ca}
    installation = installed_on(app := make_host(storage_uri))
    filled_at = time.time()
    fill_streams(installation, count, filled_at if questions else NEVER, said=True)
    fill(installation, audience)
    small = [f"{number:024x}" for number in range(SMALL_STREAMS)]
    for stream in small:
        fill(installation, SMALL, stream)
    with _seen() as seen:
        factory = "questions:make_worker" if questions else "crowds:make_worker"
        with working(1, factory, **host), app.app_context():
            began = time.perf_counter()
            notify_stream_state(STREAM, "ready")
            took: list[float] = []
            watching = threading.Thread(target=_watch, args=(installation, began, took))
            watching.start()
            time.sleep(1.0)
            waited = []
            for stream in small:
                announced = time.perf_counter()
                notify_stream_state(stream, "ready")
                wait_until_told(installation, stream, 0.01)
                waited.append(time.perf_counter() - announced)
            all_told_after = time.perf_counter() - began
            watching.join()
            while questions and not _all_asked(installation, filled_at):
                time.sleep(0.1)
        calls = [line.split() for line in seen.read_text().splitlines()]
    installation.close()
    threads = {thread: float(cpu) for thread, _, cpu, _ in calls}
    times = [float(at) for _, at, _, _ in calls]
    # Those that end have been asked about, too, where the worker has seen them before.
    assert not questions or sum(int(each) for *_, each in calls) >= count
    return {
        "longest_wait": max(waited),
        "small_ones_told_after": all_told_after,
        "per_second": audience / took[0],
        "cpu": sum(threads.values()),
        "seconds": times[-1] - times[0] if times else 0.0,
    }


@contextlib.contextmanager
def _seen() -> Iterator[Path]:
    with tempfile.NamedTemporaryFile() as seen:
        os.environ[SEEN] = seen.name
        yield Path(seen.name)


def _watch(installation: Installation, began: float, took: list[float]) -> None:
    wait_until_told(installation, STREAM)
    took.append(time.perf_counter() - began)


def _all_asked(installation: Installation, filled_at: float) -> bool:
    storage: Any = installation.storage
    with storage.engine.connect() as connection:
        first = connection.scalar(select(func.min(events.c.check_at)))
    return first is None or float(first) > filled_at


def make_asked(storage_uri: str, **host: Any) -> Flask:
    """A host that is asked, and answers at once: its own database is not what is measured."""
    app = make_host(storage_uri, **host)
    installed_on(app).callbacks.streams = answers
    return app


def make_worker() -> Flask:
    """What a worker process loads: a host that is asked, and notes when."""
    app = make_host(**json.loads(os.environ["BENCH_HOST"]))
    seen = Path(os.environ[SEEN]).open("a", buffering=1)  # noqa: SIM115 - to the process's end

    def noted_answers(ids: Sequence[str]) -> dict[str, Countdown]:
        thread, cpu = threading.get_native_id(), time.thread_time()
        seen.write(f"{thread} {time.time()} {cpu} {len(ids)}\n")
        return answers(ids)

    installed_on(app).callbacks.streams = noted_answers
    return app


def answers(ids: Sequence[str]) -> dict[str, Countdown]:
    """What a host says of its streams."""
    return {each: a_countdown(each) for each in ids}


def a_countdown(stream: str) -> Countdown:
    """A countdown with all that it may have."""
    return Countdown(
        starts_at=STARTS_AT,
        attributes={"streamId": stream, "host": "Alice Example"},
        content_state={"title": f"Live with Alice, {stream[-6:]}", "startsAt": STARTS_AT},
        alert={"title": {"loc-key": "SOON", "loc-args": ["Alice"]}, "body": "Live with Alice"},
        expires_after=1800.0,
    )


def fill_streams(installation: Installation, count: int, check_at: float, *, said: bool) -> None:
    """So many streams with a phone each, as they stand where the host has been asked before, and
    its update been told (`said`), or where they have just begun."""
    storage: Any = installation.storage
    storage.prepare()
    now = time.time()
    for begin in range(0, count, 5000):
        rows, phones = [], []
        for number in range(begin, min(begin + 5000, count)):
            stream = f"66{number:022x}"
            row = a_row(stream, check_at, now, said=said)
            rows.append(as_row(row))
            phone = Claimant(
                user_id=f"user-{number}",
                device_id="iphone",
                activity_id=f"activity-{stream}",
                stream_id=stream,
                token=f"{stream}{number:0136x}",
            ).session(now, LIFETIME)
            phones.append(replace(phone, delivered=row.revision))
        with storage.engine.begin() as connection:
            connection.execute(events.insert(), rows)
            insert(connection, phones)
    with storage.engine.begin() as connection:
        analyze(connection)


def a_row(stream: str, check_at: float, now: float, *, said: bool) -> StreamEvent:
    """The row of a stream that a phone has registered for."""
    row = nothing_to_tell(stream, now + LIFETIME)
    if said:
        countdown = a_countdown(stream)
        question = Asked(
            now=now, again_at=check_at, interval=INTERVAL, counts_at_once=False, kept_for=LIFETIME
        )
        update = announcement_of_update(
            stream, countdown, alert=None, moved=False, now=now, ttl=LIFETIME
        )
        answered = noted(row, stream, countdown, question)
        row = next_event(answered, update, now)
        row = replace(row, due_at=NEVER, touch=rested(row.touch), told_at=now)
    return replace(row, check_at=check_at)


def _servers_cpu(installation: Installation) -> float | None:
    """What PostgreSQL's processes have computed for us, where it runs on this machine."""
    storage: Any = installation.storage
    if storage.engine.dialect.name != "postgresql":
        return None
    ours = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    with storage.engine.connect() as connection:
        pids = connection.scalars(ours).all()
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


MEASURES = {"asked": asked, "beside": beside}
