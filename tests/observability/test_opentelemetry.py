"""Spans of OpenTelemetry."""

from __future__ import annotations

from blueprint.host import STREAM, TOKEN, Host
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flask_allmine_liveactivity import Countdown, Verdict
from flask_allmine_liveactivity.model import fingerprint
from flask_allmine_liveactivity.observability.opentelemetry import trace


def test_what_happens_is_traced(host: Host) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace(host.app, provider)

    with provider.get_tracer("host").start_as_current_span("request"):
        host.register()
    host.verdict = Verdict.RETRY
    host.end()

    found = {span.name: span for span in spans.get_finished_spans()}
    registered = found["live_activity.session_registered"]
    assert dict(registered.attributes or {}) == {
        "live_activity.stream_id": STREAM,
        "live_activity.answer": "registered",
        "live_activity.token_fingerprint": fingerprint(TOKEN),
    }
    assert registered.parent is not None
    assert registered.parent.span_id == found["request"].context.span_id
    assert dict(found["live_activity.stream_ended"].attributes or {}) == {
        "live_activity.stream_id": STREAM,
        "live_activity.state": "ready",
        "live_activity.revision": 1,
        "live_activity.source": "said",
    }
    (event,) = found["live_activity.pushes_settled"].events
    assert event.name == "retrying"
    assert (event.attributes or {})["live_activity.count"] == 1


def test_an_update_is_traced(host: Host) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace(host.app, provider)
    host.live_activity.streams(
        lambda ids: dict.fromkeys(ids, Countdown(starts_at=9e9, content_state={"title": "new"}))
    )
    with host.app.app_context():
        host.live_activity.stream_changed(STREAM)
    (updated,) = spans.get_finished_spans()
    assert updated.name == "live_activity.stream_updated"
    assert dict(updated.attributes or {}) == {
        "live_activity.stream_id": STREAM,
        "live_activity.revision": 1,
        "live_activity.priority": 5,
    }
