"""Metrics for Prometheus: counters from the signals, gauges from the storage.

    from flask_allmine_liveactivity.observability.prometheus import measure
    measure(app)

The gauges say how things stand for all processes together, since they are read from the storage
when they are asked for: every process that is scraped says the same, so take ``max`` over them.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections import Counter as TotalBy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Flask

from flask_allmine_liveactivity.app.installation import Installation, installed_on
from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.model import Counts, StreamState
from flask_allmine_liveactivity.model.settled import Settled
from flask_allmine_liveactivity.model.stream import FOUND
from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.signals import (
    pushes_settled,
    session_registered,
    stream_ended,
    stream_updated,
)

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError:
    raise ConfigurationError(
        'prometheus_client is not installed: pip install "flask-allmine-liveactivity[prometheus]"'
    ) from None

logger = logging.getLogger(__name__)

# A count goes through an audience: the storage is asked at most once in so many seconds.
ASK_AGAIN_AFTER = 10.0
HELD_COUNTED = 1000


def measure(
    app: Flask,
    registry: CollectorRegistry = REGISTRY,
    *,
    gauges: CollectorRegistry | None = None,
) -> None:
    """Measure `app`. A factory may call it for each app that it makes.

    The counters of a registry are of all its apps together. Its gauges say how things stand in the
    storage of one app, the last that was given and is still in use: where apps have storages of
    their own, give each a registry of its own.

    Args:
        app: With the extension installed.
        registry: Where the metrics are; the default is the one that ``prometheus_client`` serves.
        gauges: Where the gauges are, if elsewhere: ``prometheus_client``'s multiprocess mode sums
            up the counters of several processes and passes by what is read when it is asked for.

    Raises:
        ConfigurationError: The extension is not installed on `app`.

    .. versionadded:: 0.1.0
    """
    installation = installed_on(app)
    if registry not in _COUNTERS:
        _COUNTERS[registry] = _Counters()
    counters = _COUNTERS[registry]
    for counter in counters.all:
        _register(registry, counter)
    session_registered.connect(counters.registered, app)
    stream_ended.connect(counters.ended, app)
    stream_updated.connect(counters.updated, app)
    pushes_settled.connect(counters.settled, app)
    shown = registry if gauges is None else gauges
    standing = _STANDING.setdefault(shown, _Standing())
    standing.show(installation)
    _register(shown, standing)


def _register(registry: CollectorRegistry, ours: Collector) -> None:
    """Once, and again where a host's tests have emptied the registry in between."""
    with contextlib.suppress(KeyError):  # it was not there
        registry.unregister(ours)
    registry.register(ours)


class _Counters:
    """Counts of this process; several are summed up by Prometheus."""

    def __init__(self) -> None:
        self._registrations = Counter(
            "live_activity_registrations",
            "Answers to phones that registered an activity.",
            ["answer"],
            registry=None,
        )
        self._ends = Counter(
            "live_activity_stream_ends",
            "Ends that were announced, also those said again.",
            ["state"],
            registry=None,
        )
        self._found = Counter(
            "live_activity_ends_found",
            "Ends that the app knew of when it was asked, and had not announced.",
            ["state"],
            registry=None,
        )
        self._updates = Counter(
            "live_activity_stream_updates",
            "Updates that were announced.",
            registry=None,
        )
        self._pushes = Counter(
            "live_activity_pushes",
            "Answers to pushes, and claims that were given back.",
            ["outcome", "reason"],
            registry=None,
        )
        self.all: tuple[Collector, ...] = (
            self._registrations,
            self._ends,
            self._found,
            self._updates,
            self._pushes,
        )
        # From zero on: what has no value before it is one has no rate.
        for answer in Answer:
            self._registrations.labels(answer.value)
        for state in StreamState:
            self._ends.labels(state.value)
            self._found.labels(state.value)
        for outcome in ("delivered", "updated"):
            self._pushes.labels(outcome, "")

    def registered(self, _app: Flask, *, answer: str, **_: Any) -> None:
        self._registrations.labels(answer).inc()

    def ended(self, _app: Flask, *, state: Any, source: str | None, **_: Any) -> None:
        self._ends.labels(str(state)).inc()
        if source == FOUND:
            self._found.labels(str(state)).inc()

    def updated(self, _app: Flask, **_: Any) -> None:
        self._updates.inc()

    def settled(self, _app: Flask, *, settled: Sequence[Settled]) -> None:
        for each in settled:
            self._pushes.labels(each.outcome, _kind(each.reason)).inc(each.count)


class _Standing(Collector):
    """How things stand in the storage."""

    def __init__(self) -> None:
        # Weakly: a registry outlives the apps of a test suite.
        self._shown: list[weakref.ref[Installation]] = []
        self._lock = threading.Lock()
        self._asked_at = -ASK_AGAIN_AFTER
        self._counts: Counts | None = None
        self._held = 0

    def show(self, installation: Installation) -> None:
        """Ask this one from now on."""
        with self._lock:
            self._shown = [each for each in self._shown if each() not in (None, installation)]
            self._shown.append(weakref.ref(installation))
            self._asked_at = -ASK_AGAIN_AFTER

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is asked of the storage when it is registered."""
        return iter(_families(Counts(), 0, 0.0, up=True))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            in_use = [each for each in (ref() for ref in self._shown) if each is not None]
            if not in_use:
                return iter(())
            if time.monotonic() - self._asked_at >= ASK_AGAIN_AFTER:
                self._ask(in_use[-1])
            counts, held = self._counts or Counts(), self._held
            return iter(_families(counts, held, time.time(), up=self._counts is not None))

    def _ask(self, installation: Installation) -> None:
        self._asked_at = time.monotonic()
        try:
            storage = installation.storage
            self._counts = storage.counts(time.time())
            self._held = sum(event.needs_a_person for event in storage.streams.held(HELD_COUNTED))
        except StorageUnavailable as error:
            self._counts, self._held = None, 0
            logger.warning("Live Activity metrics could not be read: %s", error)


def _families(counts: Counts, held: int, now: float, *, up: bool) -> list[GaugeMetricFamily]:
    families = [
        GaugeMetricFamily(
            "live_activity_storage_up", "Whether the storage answered.", value=float(up)
        )
    ]
    sessions = GaugeMetricFamily(
        "live_activity_sessions", "Sessions by what they are.", labels=["status"]
    )
    waiting = GaugeMetricFamily(
        "live_activity_waiting", "Sessions to be told that were refused before.", labels=["reason"]
    )
    given_up = GaugeMetricFamily(
        "live_activity_given_up", "Sessions that were given up.", labels=["reason"]
    )
    families += [
        sessions,
        waiting,
        given_up,
        GaugeMetricFamily(
            "live_activity_oldest_pending_seconds",
            "How long the longest waiting session has been waiting for its end push; 0: nobody.",
            value=_age(counts.oldest_pending_since, now),
        ),
        GaugeMetricFamily(
            "live_activity_oldest_update_seconds",
            "How long the longest waiting session has been waiting for its update; 0: nobody.",
            value=_age(counts.oldest_update_since, now),
        ),
        GaugeMetricFamily(
            "live_activity_held_streams",
            f"Streams that are held until a person mends something; at most {HELD_COUNTED}.",
            value=held,
        ),
    ]
    if up:
        for status in ("active", "pending", "updates_pending", "updated", "ended"):
            sessions.add_metric([status], getattr(counts, status))
        _add_by_kind(waiting, counts.waiting)
        _add_by_kind(given_up, counts.dead)
        return families
    return families[:1]


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else max(0.0, now - since)


def _add_by_kind(family: GaugeMetricFamily, counts: Mapping[str, int]) -> None:
    by_kind: TotalBy[str] = TotalBy()
    for reason, count in counts.items():
        by_kind[_kind(reason)] += count
    for kind, count in by_kind.items():
        family.add_metric([kind], count)


def _kind(reason: str | None) -> str:
    """A reason without what follows a colon: a label must not have endless values."""
    return (reason or "").partition(":")[0][:64]


# A metric's name is taken once in a registry, and the default one lives as long as the process.
_COUNTERS: weakref.WeakKeyDictionary[CollectorRegistry, _Counters] = weakref.WeakKeyDictionary()
_STANDING: weakref.WeakKeyDictionary[CollectorRegistry, _Standing] = weakref.WeakKeyDictionary()
