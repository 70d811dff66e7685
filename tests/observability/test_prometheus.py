"""Prometheus metrics: counters of what this process did, gauges of how all stands."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest
from blueprint.host import OTHER_STREAM, STREAM, Clock, Host, running
from extension.apps import make_app
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest

from flask_allmine_liveactivity import Countdown, Counts, PushResult, StorageUnavailable, Verdict
from flask_allmine_liveactivity.observability import prometheus
from flask_allmine_liveactivity.observability.prometheus import measure


@pytest.fixture
def registry(host: Host, monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    monkeypatch.setattr(prometheus, "ASK_AGAIN_AFTER", 0.0)
    registry = CollectorRegistry()
    measure(host.app, registry)
    return registry


def test_counters(host: Host, registry: CollectorRegistry) -> None:
    host.register()
    host.register("bob")
    host.end()
    value = registry.get_sample_value
    assert value("live_activity_registrations_total", {"answer": "registered"}) == 1
    assert value("live_activity_registrations_total", {"answer": "conflict"}) == 1
    assert value("live_activity_stream_ends_total", {"state": "ready"}) == 1
    told = {"outcome": "delivered", "reason": ""}
    assert value("live_activity_pushes_total", told) == 1


def test_gauges_are_read_from_the_storage(
    host: Host, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    value = registry.get_sample_value
    host.register()
    assert value("live_activity_sessions", {"status": "active"}) == 1
    assert value("live_activity_oldest_pending_seconds") == 0

    host.verdict = Verdict.RETRY
    host.end()
    clock.advance(500)
    assert value("live_activity_sessions", {"status": "pending"}) == 1
    assert 499 < (value("live_activity_oldest_pending_seconds") or 0) < 510
    assert value("live_activity_held_streams") == 0

    host.push.answer = lambda push: PushResult(push, Verdict.MISCONFIGURED, reason="BadTopic")
    host.deliver()
    assert value("live_activity_held_streams") == 1

    host.push.answer = lambda push: PushResult(push, Verdict.DELIVERED)
    host.installation.storage.streams.lift(STREAM)
    clock.advance(500)
    host.deliver()
    assert value("live_activity_sessions", {"status": "ended"}) == 1
    assert value("live_activity_oldest_pending_seconds") == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def changed(host: Host, title: str) -> None:
    countdown = Countdown(starts_at=9e9, content_state={"title": title})
    host.live_activity.streams(lambda ids: dict.fromkeys(ids, countdown))
    with host.app.app_context():
        host.live_activity.stream_changed(STREAM)


def test_updates_are_counted(host: Host, registry: CollectorRegistry) -> None:
    value = registry.get_sample_value
    told = {"outcome": "updated", "reason": ""}
    assert value("live_activity_stream_updates_total") == 0
    assert value("live_activity_pushes_total", told) == 0
    host.register()
    changed(host, "new")
    assert value("live_activity_stream_updates_total") == 1
    assert value("live_activity_pushes_total", told) == 1
    assert value("live_activity_sessions", {"status": "updated"}) == 1


def test_who_waits_for_an_update_waits_for_no_end(
    host: Host, registry: CollectorRegistry, clock: Clock
) -> None:
    value = registry.get_sample_value
    assert value("live_activity_oldest_update_seconds") == 0
    host.register()
    host.verdict = Verdict.RETRY
    changed(host, "new")
    clock.advance(500)
    assert 499 < (value("live_activity_oldest_update_seconds") or 0) < 510
    assert value("live_activity_oldest_pending_seconds") == 0
    assert value("live_activity_sessions", {"status": "updates_pending"}) == 1
    assert value("live_activity_sessions", {"status": "pending"}) == 0


def test_ends_that_were_found_are_counted_and_what_is_said_is_not(
    host: Host, registry: CollectorRegistry, clock: Clock
) -> None:
    value = registry.get_sample_value
    ready, cancelled = {"state": "ready"}, {"state": "cancelled"}
    assert value("live_activity_ends_found_total", ready) == 0
    host.live_activity.streams(lambda ids: dict.fromkeys(ids, "ready"))
    host.register()
    for _ in range(2):
        clock.advance(61)
        host.installation.streams.ask_due()
    host.end("ready")
    host.end("cancelled", OTHER_STREAM)
    assert value("live_activity_ends_found_total", ready) == 1
    assert value("live_activity_ends_found_total", cancelled) == 0
    assert value("live_activity_stream_ends_total", cancelled) == 1


def test_a_stream_without_an_answer_waits_for_nobody(
    host: Host, registry: CollectorRegistry
) -> None:
    host.register()
    host.verdict = Verdict.UNREACHABLE
    host.end()
    assert len(host.installation.storage.streams.held(10)) == 1
    assert registry.get_sample_value("live_activity_held_streams") == 0
    assert registry.get_sample_value("live_activity_sessions", {"status": "pending"}) == 1


def test_reasons_have_no_endless_values(host: Host, registry: CollectorRegistry) -> None:
    host.register()
    host.push.answer = lambda push: prometheus_result(push)
    host.end()
    text = generate_latest(registry).decode()
    assert 'reason="libcurl 28"' in text
    assert "operation" not in text


def prometheus_result(push: object) -> object:
    return PushResult(push, Verdict.RETRY, reason="libcurl 28: operation timedout")  # type: ignore[arg-type]


def test_reasons_of_one_kind_are_one_value(
    host: Host, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Counts(
        dead={"Expired": 3, "Expired: BadDeviceToken": 5}, waiting={"a: b": 1, "a: c": 1}
    )
    monkeypatch.setattr(host.installation.storage, "counts", lambda _now: counts)
    text = generate_latest(registry).decode()
    assert text.count("live_activity_given_up{") == 1
    assert registry.get_sample_value("live_activity_given_up", {"reason": "Expired"}) == 8
    assert registry.get_sample_value("live_activity_waiting", {"reason": "a"}) == 2


def test_gauges_may_have_a_registry_of_their_own(host: Host) -> None:
    counters, gauges = CollectorRegistry(), CollectorRegistry()
    measure(host.app, counters, gauges=gauges)
    assert gauges.get_sample_value("live_activity_storage_up") == 1
    assert counters.get_sample_value("live_activity_storage_up") is None
    assert (
        counters.get_sample_value(
            "live_activity_pushes_total", {"outcome": "delivered", "reason": ""}
        )
        == 0
    )


def test_a_storage_that_cannot_be_opened_is_a_metric_too(
    host: Host, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_self: object) -> None:
        raise StorageUnavailable("no name server")

    monkeypatch.setattr(type(host.installation), "storage", property(away))
    assert registry.get_sample_value("live_activity_storage_up") == 0


def test_a_storage_that_is_away_is_a_metric_too(
    host: Host, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.get_sample_value("live_activity_storage_up") == 1

    def away(*_: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(host.installation.storage, "counts", away)
    assert registry.get_sample_value("live_activity_storage_up") == 0
    assert registry.get_sample_value("live_activity_oldest_pending_seconds") is None


def test_the_storage_is_not_asked_at_every_scrape(
    host: Host, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    count: Callable[[float], object] = host.installation.storage.counts
    monkeypatch.setattr(
        host.installation.storage, "counts", lambda now: asked.append(now) or count(now)
    )
    monkeypatch.setattr(prometheus, "ASK_AGAIN_AFTER", 3600.0)
    for _ in range(5):
        generate_latest(registry)
    assert len(asked) <= 1


def test_two_apps_in_one_process() -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    with running(Host()) as one, running(Host()) as other:
        for host, registry in zip((one, other), registries, strict=True):
            measure(host.app, registry)
        one.register()
    counts = [
        registry.get_sample_value("live_activity_registrations_total", {"answer": "registered"})
        for registry in registries
    ]
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("prometheus", "prometheus_client", "prometheus"),
        ("opentelemetry", "opentelemetry.trace", "opentelemetry"),
    ],
)
def test_without_the_library_it_says_what_to_install(module: str, library: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules['{library}'] = None\n"
        f"import flask_allmine_liveactivity.observability.{module}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f'pip install "flask-allmine-liveactivity[{extra}]"' in done.stderr


# --- a factory that is called more than once ------------------------------------------------------


def test_a_factory_may_measure_each_app_that_it_makes() -> None:
    registry = CollectorRegistry()
    value = registry.get_sample_value
    with running(Host()) as first, running(Host()) as second:
        for host in (first, second):
            measure(host.app, registry)
            host.register()
        second.register("bob")
        assert value("live_activity_registrations_total", {"answer": "registered"}) == 2
        assert value("live_activity_registrations_total", {"answer": "conflict"}) == 1
        assert value("live_activity_sessions", {"status": "active"}) == 1


def test_to_measure_an_app_twice_counts_once(host: Host, registry: CollectorRegistry) -> None:
    measure(host.app, registry)
    host.register()
    value = registry.get_sample_value
    assert value("live_activity_registrations_total", {"answer": "registered"}) == 1


def test_the_gauges_are_those_of_the_last_app(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    with running(Host()) as first, running(Host()) as second:
        first.register()
        measure(second.app, registry)
        measure(first.app, registry)
        assert registry.get_sample_value("live_activity_sessions", {"status": "active"}) == 1
        measure(second.app, registry)
        assert registry.get_sample_value("live_activity_sessions", {"status": "active"}) == 0


def test_a_registry_keeps_no_app() -> None:
    registry = CollectorRegistry()

    def measured() -> weakref.ref[Flask]:
        app = make_app()
        measure(app, registry)
        return weakref.ref(app)

    left = measured()
    gc.collect()
    assert left() is None
    assert registry.get_sample_value("live_activity_sessions", {"status": "active"}) is None
    assert registry.get_sample_value("live_activity_stream_ends_total", {"state": "ready"}) == 0


def test_gauges_in_a_registry_of_their_own_may_be_given_again(host: Host) -> None:
    counters, gauges = CollectorRegistry(), CollectorRegistry()
    for _ in range(2):
        measure(host.app, counters, gauges=gauges)
    assert gauges.get_sample_value("live_activity_storage_up") == 1


def test_a_registry_that_was_emptied_is_filled_again(
    host: Host, registry: CollectorRegistry
) -> None:
    for collector in list(registry._collector_to_names):
        registry.unregister(collector)
    measure(host.app, registry)
    assert registry.get_sample_value("live_activity_storage_up") == 1
    host.register()
    value = registry.get_sample_value
    assert value("live_activity_registrations_total", {"answer": "registered"}) == 1
