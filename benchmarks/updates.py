"""Updates: beside ends, of a stream that changes each second, and to a phone that comes late."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from crowds import wait_until_told, working
from hosts import STREAM, a_token, analyze, compact, fill, make_host
from sqlalchemy import select, update

from flask_allmine_liveactivity import notify_stream_state
from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.model import (
    NEVER,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    new_id,
    next_event,
)
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.stream_writes import UPDATES_APART, rested
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions
from flask_allmine_liveactivity.streams.announcement import announcement_of_update

LIFETIME = 12 * 3600.0
SMALL, SMALL_STREAMS = 10, 8
# Whose intervals are watched, of a stream that changes each second.
WATCHED = 50
LATECOMERS = 30
EVENTS = ("end", "update", "the next update")


def told(storage_uri: str, url: str, ca: str, count: int, event: str) -> dict[str, float]:
    """A whole fan-out of an event, to an audience that has been told nothing, or an update."""
    host = {"LIVE_ACTIVITY_DELIVERY": "inline"}
    app = make_host(storage_uri, url, ca, **host)
    installation = installed_on(app)
    fill(installation, count)
    installation.callbacks.streams = _changing()
    with app.app_context():
        if event == "the next update":
            installation.streams.changed(STREAM, None)
            time.sleep(UPDATES_APART + 1.0)
        began, cpu = time.perf_counter(), time.process_time()
        if event == "end":
            notify_stream_state(STREAM, "ready")
        else:
            installation.streams.changed(STREAM, None)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    row = installation.storage.streams.read(STREAM)
    assert row is not None
    left = installation.storage.sessions.next_due(STREAM, row.revision, round_robin=True)
    assert left is None, left
    installation.close()
    return {"per_second": count / seconds, "cpu_microseconds": 1e6 * cpu / count}


def _changing() -> Callable[[Sequence[str]], dict[str, Countdown]]:
    """A host whose streams show something else each time that it is asked."""
    times = itertools.count(1)

    def answers(ids: Sequence[str]) -> dict[str, Countdown]:
        shown = {"title": "Live with Alice", "viewers": next(times)}
        starts_at = time.time() + 3600.0
        return {each: Countdown(starts_at=starts_at, content_state=shown) for each in ids}

    return answers


def restless(
    storage_uri: str, url: str, ca: str, count: int, seconds: float
) -> dict[str, float | int]:
    """A stream that changes each second, and small ones that change and end meanwhile.

    A phone's interval is that between two revisions which it is told; as some that are watched see
    it. How long it must be is the audience by the pushes a second, which are counted beside it.
    """
    installation = installed_on(app := make_host(storage_uri))
    fill(installation, count)
    small = [f"{number:024x}" for number in range(2 * SMALL_STREAMS)]
    for stream in small:
        fill(installation, SMALL, stream)
    installation.callbacks.streams = _changing()
    over = threading.Event()
    waited: dict[str, list[float]] = {"update": [], "end": []}
    with working(1, storage_uri=storage_uri, url=url, ca=ca), app.app_context():
        watch = _Watch(installation, over)
        changing = threading.Thread(target=_change_each_second, args=(installation, app, over))
        for thread in (changing, watch):
            thread.start()
        until = time.perf_counter() + seconds
        time.sleep(2.0)
        for stream, event in zip(small, itertools.cycle(waited), strict=False):
            announced = time.perf_counter()
            if event == "end":
                notify_stream_state(stream, "ready")
                wait_until_told(installation, stream, 0.01)
            else:
                installation.streams.changed(stream, None)
                _wait_until_updated(installation, stream)
            waited[event].append(time.perf_counter() - announced)
            time.sleep(seconds / len(small) / 2)
        time.sleep(max(0.0, until - time.perf_counter()))
        over.set()
        for thread in (changing, watch):
            thread.join()
    installation.close()
    return {
        "count": count,
        "interval": statistics.mean(watch.intervals),
        "longest_interval": max(watch.intervals),
        "intervals": len(watch.intervals),
        # Each of those watched stands for all.
        "per_second": count * watch.told / WATCHED / watch.seconds,
        "update_waits": max(waited["update"]),
        "end_waits": max(waited["end"]),
    }


def _change_each_second(installation: Installation, app: Any, over: threading.Event) -> None:
    with app.app_context():
        while not over.wait(1.0):
            installation.streams.changed(STREAM, None)


def _wait_until_updated(installation: Installation, stream: str) -> None:
    while installation.storage.sessions.next_due(stream, 1, round_robin=True) is not None:
        time.sleep(0.01)


class _Watch(threading.Thread):
    """Sees some phones be told, as storage has it."""

    def __init__(self, installation: Installation, over: threading.Event) -> None:
        super().__init__()
        storage: Any = installation.storage
        self._engine = storage.engine
        self._over = over
        some = select(sessions.c.session_id).where(sessions.c.stream_id == STREAM).limit(WATCHED)
        with self._engine.connect() as connection:
            self._ids = list(connection.scalars(some))
        self._look = select(sessions.c.session_id, sessions.c.delivered).where(
            sessions.c.session_id.in_(self._ids)
        )
        self.intervals: list[float] = []
        self.told = 0
        self.seconds = 0.0

    def run(self) -> None:
        began = time.perf_counter()
        told_at: dict[str, float] = {}
        delivered = dict.fromkeys(self._ids, 0)
        while not self._over.wait(0.05):
            with self._engine.connect() as connection:
                rows = connection.execute(self._look).all()
            now = time.perf_counter()
            for session_id, revision in rows:
                if revision == delivered[session_id]:
                    continue
                if session_id in told_at:
                    self.intervals.append(now - told_at[session_id])
                delivered[session_id], told_at[session_id] = revision, now
                self.told += 1
        self.seconds = time.perf_counter() - began


def latecomer(storage_uri: str, count: int) -> dict[str, float]:
    """Phones that register once an audience has been told an update: what it takes to find each.

    In milliseconds, the median of some: its registration, the look for who is next, the claim that
    finds it, and both once it has been told, too. Looks step over what the round has left behind,
    until PostgreSQL has cleared it away (VACUUM): the very first, and those that follow.
    """
    installation = installed_on(make_host(storage_uri))
    _fill_told(installation, count)
    storage: Any = installation.storage
    storage.streams.read(STREAM)
    first: list[float] = []
    with _timed(first):
        storage.sessions.next_due(STREAM, 1, round_robin=True)
    left_behind = _come_late(installation, "before")
    with storage.engine.connect() as connection:
        compact(connection)
    cleared = _come_late(installation, "after")
    installation.close()
    return {
        "count": count,
        "first_look": first[0],
        "until_cleared": left_behind["next_due"] + left_behind["claim"],
        **cleared,
    }


def _come_late(installation: Installation, name: str) -> dict[str, float]:
    storage = installation.storage
    times: dict[str, list[float]] = {"register": [], "next_due": [], "claim": [], "nobody": []}
    for number in range(LATECOMERS):
        claimant = Claimant(
            user_id=f"{name}-{number}",
            device_id="iphone",
            activity_id=f"{name}-{number}",
            stream_id=STREAM,
            token=f"{name:f<8}{a_token(number)[8:]}",
        )
        now = time.time()
        with _timed(times["register"]):
            register(storage, claimant, now=now, lifetime=LIFETIME, max_per_user=None, ask_at=NEVER)
        with _timed(times["next_due"]):
            assert storage.sessions.next_due(STREAM, 1, round_robin=True) is not None
        with _timed(times["claim"]):
            found = _claim(installation, now)
        assert len(found) == 1, found
        storage.sessions.settle([_updated(found[0])])
        with _timed(times["nobody"]):
            assert not _claim(installation, now)
            assert storage.sessions.next_due(STREAM, 1, round_robin=True) is None
    return {figure: statistics.median(each) for figure, each in times.items()}


@contextlib.contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into.append(1000 * (time.perf_counter() - began))


def _claim(installation: Installation, now: float) -> list[Session]:
    return installation.storage.sessions.claim(
        STREAM,
        1,
        claim_id=new_id(),
        limit=1000,
        now=now,
        leased_until=now + 60.0,
        round_robin=True,
    )


def _updated(session: Session) -> Settlement:
    return Settlement(
        session=session,
        status=SessionStatus.ACTIVE,
        delivered=1,
        attempts=0,
        rejections=0,
        due_at=session.due_at,
        reason=None,
        whoever_holds_the_lease=True,
    )


def _fill_told(installation: Installation, count: int) -> None:
    """An audience that has been told an update, and runs on."""
    fill(installation, count)
    storage: Any = installation.storage
    now = time.time()
    countdown = _changing()([STREAM])[STREAM]
    update_of_it = announcement_of_update(
        STREAM, countdown, alert=None, moved=False, now=now, ttl=LIFETIME
    )

    def decide(_: object) -> StreamEvent:
        row = next_event(None, update_of_it, now)
        return replace(row, due_at=NEVER, touch=rested(row.touch), told_at=now)

    storage.streams.write(STREAM, decide)
    with storage.engine.begin() as connection:
        for table in (sessions, active_sessions):
            connection.execute(update(table).values(delivered=1))
        analyze(connection)


MEASURES = {"told": told, "restless": restless, "latecomer": latecomer}
